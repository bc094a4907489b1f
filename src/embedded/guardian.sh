# Runs a PostgreSQL server ("$@") and ends it when the service goes away.
#
# The standard input is a pipe that only the service holds: its end means that the service is gone,
# by whatever death. The server gets neither the pipe nor a terminal.
#
# The server ends by SIGINT, a fast shutdown. It is sent until the server is gone: one that has only
# just been started may not listen yet.

# A signal to the whole group or control group is for the service to act on, not for the guardian.
trap : HUP INT QUIT TERM

exec 3<&0 </dev/null
"$@" 3<&- &
server=$!

(
    trap '' HUP INT QUIT TERM
    while read -r _; do :; done
    while kill -INT "$server"; do sleep 1; done
) <&3 2>/dev/null &
watcher=$!
exec 3<&-

# `wait` also returns for a trapped signal; a server that was waited for is no longer there.
while :; do
    wait "$server"
    status=$?
    kill -0 "$server" 2>/dev/null || break
done
kill -KILL "$watcher" 2>/dev/null
exit "$status"
