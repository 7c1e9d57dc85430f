#!/bin/sh
# Lays out below the folder $3 what the image adds to its base: `libraries` from the folder container ($2), or the
# `toolkit` from a checkout ($2). The same input gives the same bytes, modes and times, whoever checked it out, wherever
# and whenever this runs.
set -eu
source=$2 image=$3
commands=$image/usr/local/bin
mkdir -p "$commands"

libraries() {
  python=$image/opt/python
  mkdir -p "$python"
  # the test bed has no network in here, and brings the packages along
  if [ -d "$source/packages" ]; then
    cp -R "$source/packages/." "$python"
  else
    python3 -m pip --version >/dev/null 2>&1 || {
      apt-get update && apt-get install --yes --no-install-recommends python3-pip
    }
    python3 -m pip install --no-cache-dir --no-compile --no-deps --only-binary=:all: --require-hashes \
      --target "$python" -r "$source/requirements.txt"
  fi
  # what nobody imports here: the asynchronous twin of the Kubernetes client alone is a third of all
  rm -rf "$python/bin" "$python"/ansible_test* "$python/kubernetes/aio"
  find "$python" -type d \( -name tests -o -name __pycache__ \) -prune -exec rm -rf {} +
  find "$python" -type f \( -name '*_test.py' -o -name '*.py[ixd]' -o -name '*.px[di]' \) -delete
  # which hold when and how pip installed
  find "$python" -path '*.dist-info/*' \( -name RECORD -o -name INSTALLER -o -name REQUESTED \) -delete
  # a program of Ansible's is its module's main(); what pip writes names the Python that it ran with
  for program in config doc galaxy inventory playbook vault; do
    printf '#!/usr/bin/env python3\nimport sys\nfrom ansible.cli.%s import main\nsys.exit(main())\n' "$program" \
      > "$commands/ansible-$program"
    chmod 755 "$commands/ansible-$program"
  done
}

toolkit() {
  tree=$image/opt/ingresskit
  mkdir -p "$tree" "$image/etc"
  # what the list lets in and nothing else: Docker's classic builder does not read it, and has sent all of the checkout
  sed -n '/^!container$/d; s/^!//p' "$source/container/Dockerfile.dockerignore" | while read -r name; do
    cp -R "$source/$name" "$tree"
  done
  find "$tree" -name __pycache__ -prune -exec rm -rf {} +
  cp "$source/container/init.py" "$commands/ingresskit-init"
  cp "$source/container/checkout.sh" "$commands/ingresskit-checkout"
  chmod 755 "$commands"/*
  ln -s /opt/ingresskit/bin/ingresskit-render "$commands/ingresskit-render"
  # ssh and others want a name for the user id
  { grep -v '^ingresskit:' /etc/passwd; echo 'ingresskit:x:65532:65532::/tmp:/usr/sbin/nologin'; } > "$image/etc/passwd"
}

"$1"
# Compiled here, as the root file system is read-only later; all but the models of the Kubernetes client, which is big and
# only used with the legacy auth-provider of a kubeconfig. Sets among the constants are written in the order of their
# hashes, hence the fixed seed.
find "$image" ! -type d -name '*.py' ! -path '*/kubernetes/client/*' ! -path '*/galaxy/data/*' | LC_ALL=C sort |
  PYTHONHASHSEED=0 python3 -m compileall -q -i - -s "$image" -p / --invalidation-mode unchecked-hash
chmod -R u=rwX,go=rX "$image"
find "$image" -exec touch --no-dereference --date=@0 {} +
