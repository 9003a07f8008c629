#!/usr/bin/env bash
# Runs Sonde on the current long-term-support line of Node, whose binary the npm package `node` brings.
#   node-lts.sh smoke   the built command answers: --version, steps, doctor, plan
#   node-lts.sh test    the whole test suite
# NODE_LTS names another line (24, say). Exit status 75: Node could not be fetched, nothing was tried.
set -euo pipefail
cd "$(dirname "$0")/../.."

line="${NODE_LTS:-26}"
home="node_modules/.cache/node-$line"
if [ ! -x "$home/node_modules/node/bin/node" ]; then
  mkdir -p "$home"
  echo '{ "private": true, "allowScripts": { "node": true } }' > "$home/package.json"
  if ! npm install --prefix "$home" --no-save --no-audit --no-fund --loglevel=error "node@$line" > "$home/install.log" 2>&1; then
    echo "node@$line could not be installed from the npm registry:" >&2
    tail -n 3 "$home/install.log" >&2
    exit 75
  fi
fi
PATH="$PWD/$home/node_modules/node/bin:$PATH"
echo "Node $(node --version)"

case "${1:-test}" in
  smoke)
    node dist/cli.js --version
    node dist/cli.js steps > /dev/null
    node dist/cli.js doctor > /dev/null
    node dist/cli.js plan pipelines/quickstart.yaml > /dev/null
    echo "the command works on Node $(node --version)"
    ;;
  test)
    shift || true
    node node_modules/vitest/vitest.mjs run "$@"
    ;;
  *)
    echo "usage: node-lts.sh [smoke | test [VITEST OPTION…]]" >&2
    exit 2
    ;;
esac
