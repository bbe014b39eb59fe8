//! PostgreSQL, where it is installed: a server of its own for each run, with the settings it comes with, over a socket
//! in the run's directory.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use postgres::{Client, NoTls};

use crate::committer::{Commit, Committer};
use crate::work::{Event, text};

/// Where Debian and its kin install the programs of each version.
const DEBIAN: &str = "/usr/lib/postgresql";

/// The user that the server runs as where this program is root's, which PostgreSQL refuses.
const USER: &str = "postgres";

const INSERT: &str = "INSERT INTO events (id, task, body) SELECT * FROM UNNEST($1::text[], $2::bigint[], $3::bytea[]) \
    ON CONFLICT (id) DO NOTHING";

/// A server, which ends with this value.
pub(crate) struct PostgresServer {
    programs: PathBuf,
    data: PathBuf,
}

impl PostgresServer {
    /// Where its programs are: the newest of Debian's, or beside the `pg_ctl` on the path. `None`: not installed.
    pub(crate) fn programs() -> Option<PathBuf> {
        let versions = std::fs::read_dir(DEBIAN).ok().into_iter().flatten().filter_map(Result::ok);
        let of_debian = versions
            .filter_map(|entry| {
                let version: u32 = entry.file_name().to_str()?.parse().ok()?;
                Some((version, entry.path().join("bin")))
            })
            .max()
            .map(|(_, programs)| programs);
        let on_path = || {
            let path = std::env::var_os("PATH")?;
            std::env::split_paths(&path).find(|dir| dir.join("pg_ctl").is_file())
        };
        of_debian.filter(|programs| programs.join("pg_ctl").is_file()).or_else(on_path)
    }

    /// Starts one below a directory.
    pub(crate) fn start(programs: PathBuf, dir: &Path) -> Self {
        let server = Self { programs, data: dir.join("postgres") };
        std::fs::create_dir(&server.data).expect("a new directory");
        if is_root() {
            // The server's user has to reach its directory.
            let parents = dir.ancestors().take_while(|parent| parent.parent().is_some());
            parents.for_each(|parent| drop(Command::new("chmod").arg("o+x").arg(parent).status()));
            run(Command::new("chown").arg(USER).arg(&server.data));
        }
        run(server.program("initdb").args([
            "--auth=trust",
            "--encoding=UTF8",
            "--no-instructions",
            "-U",
            USER,
        ]));
        let socket = format!("-c listen_addresses= -c unix_socket_directories={}", server.data.display());
        let log = server.data.join("log");
        run(server.program("pg_ctl").args(["-w", "-o", &socket, "-l"]).arg(log).arg("start"));
        server
    }

    fn program(&self, name: &str) -> Command {
        let program = self.programs.join(name);
        let mut command = if is_root() {
            let mut command = Command::new("runuser");
            command.args(["-u", USER, "--"]).arg(program);
            command
        } else {
            Command::new(program)
        };
        command.arg("-D").arg(&self.data).current_dir(&self.data);
        command
    }

    fn client(&self) -> Client {
        let address = format!("host={} user={USER} dbname=postgres", self.data.display());
        Client::connect(&address, NoTls).expect("a connection")
    }
}

impl Drop for PostgresServer {
    fn drop(&mut self) {
        run(self.program("pg_ctl").args(["-w", "-m", "fast", "stop"]));
    }
}

fn is_root() -> bool {
    std::fs::metadata("/proc/self").is_ok_and(|own| std::os::unix::fs::MetadataExt::uid(&own) == 0)
}

fn run(command: &mut Command) {
    let output = command.stdin(Stdio::null()).output().expect("a program that is there");
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
}

/// One transaction per group, the id as the primary key.
pub(crate) struct Postgres {
    client: Client,
    insert: postgres::Statement,
}

impl Postgres {
    pub(crate) fn start(server: &PostgresServer) -> Committer {
        let mut client = server.client();
        client
            .batch_execute(
                "CREATE TABLE events (id text PRIMARY KEY, task bigint NOT NULL, body bytea NOT NULL)",
            )
            .expect("a table");
        let insert = client.prepare(INSERT).expect("a statement");
        Committer::start(Self { client, insert })
    }
}

impl Commit for Postgres {
    fn commit(&mut self, group: &[Vec<Event>]) {
        let events = || group.iter().flat_map(|batch| batch.iter());
        let ids: Vec<&str> = events().map(|event| text(&event.id)).collect();
        let tasks: Vec<i64> = events().map(|event| event.task.cast_signed()).collect();
        let bodies: Vec<&[u8]> = events().map(|event| event.body.as_slice()).collect();
        self.client.execute(&self.insert, &[&ids, &tasks, &bodies]).expect("an insert");
    }

    fn stored(&mut self) -> Option<u64> {
        let row = self.client.query_one("SELECT count(*) FROM events", &[]).expect("a count");
        Some(row.get::<_, i64>(0).cast_unsigned())
    }
}
