#!/bin/sh
# in_memory.sh GIB COMMAND...: runs pytest with its files, and all others that are temporary, in memory if so
# much is free there.  A commit waits for its disk, some 4 ms, and the tests make tens of thousands; what a
# process that is killed has written stays, in memory as on a disk.
needed=$1
shift
free=$(df -Pk /dev/shm 2>/dev/null | awk 'NR == 2 { print int($4 / 1048576) }')
if [ "${free:-0}" -ge "$needed" ] && folder=$(mktemp -d /dev/shm/j.XXXXXX); then # short, as paths of sockets are
	trap 'rm -rf "$folder"' EXIT
	trap 'exit 130' INT TERM
	chmod 711 "$folder" # PostgreSQL does not run for root, and must get through
	printf '#!/bin/sh\n' >"$folder/program"
	chmod 700 "$folder/program"
	if "$folder/program" 2>/dev/null; then # programs may be run from there
		export TMPDIR="$folder"
		set -- "$@" "--basetemp=$folder/t"
	fi
fi
"$@"
