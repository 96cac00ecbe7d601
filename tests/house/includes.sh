#!/bin/sh
# SPDX-License-Identifier: MIT
# Includes run down the house:  core < kernels < layers < multilevel, models < apps.
# Fails, naming file and line, where a file includes something from a folder above or beside its
# own, climbs with "../", or takes the whole house through telescope.h from within it.
#   sh tests/house/includes.sh <root>
set -eu
cd "$1"
folders=
for folder in core kernels layers multilevel models apps; do
  if [ -d "$folder" ]; then folders="$folders $folder"; fi
done

# shellcheck disable=SC2086  # a list of folders
find $folders -type f \( -name '*.h' -o -name '*.cpp' -o -name '*.cu' -o -name '*.cuh' \) -print |
  LC_ALL=C sort | awk '
  BEGIN {
    may["core"] = " core "
    may["kernels"] = may["core"] "kernels "
    may["layers"] = may["kernels"] "layers "
    may["multilevel"] = may["layers"] "multilevel "
    may["models"] = may["layers"] "models "
    may["apps"] = may["layers"] "multilevel models apps "
  }
  function wrong(why) { print file ":" line ": " text " (" why ")"; bad++ }
  {
    file = $0; line = 0; files++
    own = substr(file, 1, index(file, "/") - 1)
    while ((getline text < file) > 0) {
      line++
      if (text !~ /^[ \t]*#[ \t]*include[ \t]*["<]/) continue
      name = text
      sub(/^[^"<]*["<]/, "", name); sub(/[">].*$/, "", name)
      if (name ~ /(^|\/)\.\.\//) wrong("name headers from the root of the house")
      else if (name == "telescope.h" && own != "apps") wrong("telescope.h is the whole house")
      else if (index(name, "/")) {
        from = substr(name, 1, index(name, "/") - 1)
        if (from in may && !index(may[own], " " from " ")) wrong(own " may use only" may[own])
      }
    }
    close(file)
  }
  END {
    if (!files) { print "includes: no source found"; exit 2 }
    print "includes: " files " files, " bad + 0 " includes that run up the house"
    exit bad > 0
  }'
