#!/usr/bin/env bash
# Installs one version of the npm package into the runner's temporary folder. The workflow brings Node.
set -euo pipefail

version=$INSTALL_VERSION
if [[ ! $version =~ ^[0-9]+\.[0-9]+\.[0-9]+(-[0-9A-Za-z.-]+)?$ ]]; then
  echo "::error::version: '$version' is not a version such as 0.1.0" >&2
  exit 2
fi
if ! node -e 'const [a, b] = process.versions.node.split("."); process.exit(a > 20 || (a == 20 && b >= 19) ? 0 : 1)'; then
  echo "::error::Node 20.19 or newer is needed: put actions/setup-node before this step" >&2
  exit 2
fi
npm install --prefix "$RUNNER_TEMP/sidelight" --no-save --no-audit --no-fund "sidelight@$version"
