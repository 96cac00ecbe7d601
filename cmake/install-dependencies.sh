#!/bin/sh
# SPDX-License-Identifier: MIT
# Installs the packages of debian-packages.txt that are missing. Where none is missing it needs
# neither root nor a network, and says nothing.
set -eu
list=$(dirname -- "$0")/debian-packages.txt

if ! command -v dpkg-query >/dev/null 2>&1; then
  echo "telescope: this is not Debian; install by your own means what $list names" >&2
  exit 0
fi

missing=
# shellcheck disable=SC2013  # a word is a package
for package in $(sed '/^#/d' "$list"); do
  # Compilers are often there under another name or from elsewhere; the program is what counts.
  case $package in
    g++ | cmake) command -v "$package" >/dev/null 2>&1 && continue ;;
    ninja-build) command -v ninja >/dev/null 2>&1 && continue ;;
  esac
  case $(dpkg-query -W -f='${Status}' "$package" 2>/dev/null || :) in
    *" installed") ;;
    *) missing="$missing $package" ;;
  esac
done
[ -n "$missing" ] || exit 0

if [ "$(id -u)" -eq 0 ]; then
  as_root=
elif command -v sudo >/dev/null 2>&1; then
  as_root=sudo
else
  echo "telescope: needs root or sudo to install:$missing" >&2
  exit 2
fi

echo "telescope: installing$missing"
# What apt-get has to say is shown only if it fails.
log=$(mktemp)
trap 'rm -f "$log"' EXIT
# shellcheck disable=SC2086  # $as_root and $missing are lists of words
if ! { $as_root apt-get update &&
       $as_root env DEBIAN_FRONTEND=noninteractive \
         apt-get install -y --no-install-recommends $missing; } >"$log" 2>&1; then
  tail -n 20 "$log" >&2
  echo "telescope: could not install:$missing (apt-get's last words are above)" >&2
  exit 1
fi
