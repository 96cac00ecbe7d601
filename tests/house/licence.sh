#!/bin/sh
# SPDX-License-Identifier: MIT
# Every source and script names its licence in its first two lines.  sh tests/house/licence.sh <root>
set -eu
cd "$1"
folders=
for folder in core kernels layers multilevel models apps tests bench cmake .ci; do
  if [ -d "$folder" ]; then folders="$folders $folder"; fi
done

# An empty file has nothing to license.
# shellcheck disable=SC2086  # a list of folders
find $folders CMakeLists.txt -type f -size +0 \
  ! -name '*.txt' ! -name '*.json' ! -name '*.md' ! -name '*.in' ! -name '*.png' ! -name '*.jpg' \
  ! -name '*.safetensors' ! -name '*.npy' -print -o -name CMakeLists.txt -print |
  LC_ALL=C sort | awk '
  {
    file = $0; files++; found = 0
    for (i = 0; i < 2 && (getline text < file) > 0; i++)
      if (text ~ /SPDX-License-Identifier: MIT/) found = 1
    close(file)
    if (!found) { print file ": no SPDX-License-Identifier in its first two lines"; bad++ }
  }
  END { print "licence: " files " files, " bad + 0 " without a licence"; exit bad > 0 || !files }'
