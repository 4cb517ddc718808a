// Package engine runs the embedded ClickHouse: libchdb, the real ClickHouse
// engine as one shared library, in a supervised child process that answers
// ClickHouse's HTTP interface on loopback. Whatever speaks that interface
// (clickhouse-go/v2, Grafana's ClickHouse plugin, curl) cannot tell it from a
// ClickHouse server in what the conformance sub-package covers.
//
// # What it owns
//
//   - Finding and binding the library (purego, no cgo); sub-package fetch brings
//     it onto the machine.
//   - The child process: RunChild. One process per data path (locked), one data
//     path per process. It ends when its standard input ends, so that it never
//     outlives the process that started it.
//   - The supervisor in the parent: Start, Engine. A child that dies is started
//     again; a connection obtained from Engine.Open survives that.
//   - The HTTP interface: authentication, settings and parameters of one query
//     only, formats, compression, streaming with flat memory, cancellation,
//     KILL QUERY by query_id, exceptions that no client can mistake for the end
//     of a result.
//   - Listeners for readers that nobody trusts, Grafana's for instance: few
//     tables, a bounded number of queries of a bounded size (Policy, guard).
//
// # What it refuses to own
//
//   - Schemas, migrations, what is in the tables: package warehouse.
//   - Retries. A query that was under way when the engine died fails with an
//     error, and the caller, who knows whether it may be repeated, repeats it.
//   - Users and grants beyond one name and secret per listener and a Policy.
//     Replication and clusters: use a ClickHouse server.
//   - Being a network server for the world: it listens on loopback unless an
//     operator names another address for an additional listener.
//
// # How a query runs
//
// Every request gets a connection of its own to the engine (160 µs), so that no
// setting, parameter, current database or temporary table of one query can be
// seen by the next. The goroutine is locked to its thread from the query to the
// last freed result, because the library wants results freed on the thread that
// queried. SELECTs in Native are pulled block by block and re-framed for the
// protocol revision that the client asked for, without decoding values; SELECTs
// in other formats are written by the engine into a named pipe; insert bodies
// are spooled to a file first, so that a client that breaks off half-way inserts
// nothing at all.
//
// # What a listener with Policy.Tables rests on
//
// The library has one user and no way to connect as another, and yet the engine's
// whole access control: roles in users.xml are read and hold. The user's rights are
// a role's, and a query of such a listener begins with SET ROLE to one that has
// SELECT on its tables alone; it cannot go back, for a statement that could never
// passes the guard. Views that are to be read without what they are made of are
// SQL SECURITY DEFINER. What grants do not cover is the guard's: the function
// file() reads any file of the host whatever the grants, system tables need none,
// and additional_table_filters reaches into views.
//
// # What of the library is worked around
//
//   - Its parallel Arrow encoder deadlocks on large results: it is off, and cannot
//     be turned on.
//   - On a new data path it starts no background tasks, so that DROP TABLE … SYNC
//     never returns: the path is made to look used.
//   - It expands patterns in the whole name of a file that rows are read from, and
//     reads none, silently, where nothing matches: data paths with such characters
//     are refused.
//   - An INSERT without rows reads standard input, and words such as "quit" are its
//     client's: neither reaches it.
//   - KILL QUERY cannot name a query by the client's id: the id travels in a
//     setting, and KILL is rewritten to look there.
//
// # Durability
//
// An insert is answered after the engine has finished it. The part is then in
// its table's directory, so it survives the end of the process at any moment
// (kill -9: the page cache survives). MergeTree tables are created with
// fsync_after_insert and fsync_part_directory unless Config.NoSync says
// otherwise: the files are synced, the part is renamed into place, its directory is
// synced, then the insert is answered (seen with strace). The table's directory is
// not; journaling file systems such as ext4 and XFS write the rename with the sync
// that follows it. Measured cost: about 5 ms for each insert. An insert is atomic per partition and per block of
// about a million rows, as everywhere in ClickHouse.
package engine
