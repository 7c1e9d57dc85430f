#!/bin/sh
# Brings one revision (branch, tag, commit) of a Git repository into an empty folder: URL REVISION FOLDER.
# Where /etc/ingresskit/git (or $GIT_CREDENTIALS) is the mount of a Secret of type kubernetes.io/basic-auth or
# kubernetes.io/ssh-auth (with known_hosts), git is let in with that. Nothing of it is printed, or written anywhere.
set -eu
url=$1 revision=$2 folder=$3
secret=${GIT_CREDENTIALS:-/etc/ingresskit/git}
export GIT_TERMINAL_PROMPT=0 GIT_CONFIG_GLOBAL=/dev/null
case $revision in
  -*) echo "ingresskit-checkout: $revision is no revision" >&2; exit 2 ;;
esac
if [ -f "$secret/password" ]; then
  export GIT_SECRET="$secret" GIT_CONFIG_COUNT=1 GIT_CONFIG_KEY_0=credential.helper
  # read by git when it is asked, so that no password is ever in an argument or in the environment
  # shellcheck disable=SC2016
  export GIT_CONFIG_VALUE_0='!f() { [ "$1" = get ] || exit 0; printf "username=%s\npassword=%s\n" "$(cat "$GIT_SECRET/username")" "$(cat "$GIT_SECRET/password")"; }; f'
fi
if [ -f "$secret/ssh-privatekey" ]; then
  export GIT_SSH_COMMAND="ssh -i '$secret/ssh-privatekey' -o IdentitiesOnly=yes -o BatchMode=yes -o StrictHostKeyChecking=yes -o UserKnownHostsFile='$secret/known_hosts'"
fi

git init --quiet "$folder"
cd "$folder"
# one commit where the server gives it by this name; else (a short commit, an old server) all, and git finds it
if git fetch --quiet --depth=1 -- "$url" "$revision" 2>/dev/null; then
  commit=FETCH_HEAD
else
  git fetch --quiet -- "$url" '+refs/heads/*:refs/remotes/origin/*' '+refs/tags/*:refs/tags/*'
  commit=$(git rev-parse --quiet --verify "refs/remotes/origin/$revision^{commit}" || git rev-parse --quiet --verify "$revision^{commit}") || {
    echo "ingresskit-checkout: the repository has no revision $revision" >&2
    exit 1
  }
fi
git checkout --quiet --detach "$commit"
echo "$revision is commit $(git rev-parse HEAD)"
