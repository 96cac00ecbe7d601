#!/bin/sh
# SPDX-License-Identifier: MIT
# Fails where clang-format would change a file. Other versions than 14 differ in taste, so without
# that one nothing is checked.   sh tests/house/format.sh <root>
set -eu
cd "$1"
tool=
for name in clang-format-14 clang-format; do
  case $("$name" --version 2>/dev/null || :) in *"version 14."*) tool=$name && break ;; esac
done
if [ -z "$tool" ]; then
  echo "format: skipped, clang-format 14 is not here (apt-get install clang-format-14)"
  exit 0
fi
folders=
for folder in core kernels layers multilevel models apps tests bench; do
  if [ -d "$folder" ]; then folders="$folders $folder"; fi
done
# shellcheck disable=SC2086  # a list of folders
find $folders -type f ! -path '*/upside_down/*' \
  \( -name '*.h' -o -name '*.cpp' -o -name '*.cu' -o -name '*.cuh' \) \
  -exec "$tool" --dry-run --Werror {} +
echo "format: all files are as clang-format writes them"
