# Sourced: installs Debian packages that the tests need, or says which ones are missing.

# need_package COMMAND PACKAGE...: does nothing where COMMAND is to be had.
need_package() {
  local command=$1
  shift
  if command -v "$command" >/dev/null 2>&1; then return 0; fi
  install_packages "$@"
}

# install_packages PACKAGE...: as root, or by sudo where that asks for no password.
install_packages() {
  local as=()
  if [ "$(id -u)" != 0 ]; then
    if ! command -v sudo >/dev/null 2>&1 || ! sudo -n true 2>/dev/null; then
      echo "missing: $* (install with: apt-get install $*)" >&2
      return 1
    fi
    as=(sudo -n)
  fi
  if ! command -v apt-get >/dev/null 2>&1; then
    echo "missing: $* (no apt-get here to install them with)" >&2
    return 1
  fi
  echo "installing $*"
  local log
  log=$(mktemp)
  if ! { "${as[@]}" apt-get update && "${as[@]}" env DEBIAN_FRONTEND=noninteractive \
    apt-get install -y --no-install-recommends "$@"; } >"$log" 2>&1 </dev/null; then
    tail -n 20 "$log" >&2
    rm -f "$log"
    echo "could not install: $*" >&2
    return 1
  fi
  rm -f "$log"
}
