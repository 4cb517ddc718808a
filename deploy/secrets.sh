#!/bin/sh
# Makes .env of deploy/env.example with a new password on each empty PASSWORD line and
# its SHA-256 on the SHA256 line below. It never touches an existing file.
#   deploy/secrets.sh [TARGET [EXAMPLE]]
set -eu
target=${1:-.env}
example=${2:-deploy/env.example}
if [ -e "$target" ]; then
	echo "secrets: $target exists; it is left as it is. Move it away for new passwords (the servers keep the old ones until they start again)." >&2
	exit 1
fi
umask 077
half=$target.half
trap 'rm -f "$half"' EXIT
password=
while IFS= read -r line || [ -n "$line" ]; do
	case $line in
	*_PASSWORD=)
		# 160 bits; a letter first, so that it is a text wherever it is read.
		password=p$(od -An -N20 -tx1 /dev/urandom | tr -d ' \n')
		line=$line$password
		;;
	*_SHA256=)
		line=$line$(printf %s "$password" | sha256sum | cut -d' ' -f1)
		;;
	esac
	printf '%s\n' "$line"
done <"$example" >"$half"
mv "$half" "$target"
echo "secrets: $target has new passwords; name LARSTROM_CATALOG and LARSTROM_DROP in it" >&2
