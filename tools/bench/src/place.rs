//! Where the benchmarks write: a directory on a real disk that is removed afterwards.

use std::path::{Path, PathBuf};

use tempfile::TempDir;

/// File systems that live in memory: a sync costs nothing there.
const IN_MEMORY: [&str; 3] = ["tmpfs", "ramfs", "devtmpfs"];

/// The directory of a run.
pub(crate) struct Place {
    dir: TempDir,
    mount: Mount,
}

/// A mounted file system.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Mount {
    path: PathBuf,
    kind: String,
}

impl Place {
    /// Creates a directory under `parent`, otherwise under the build's directory, otherwise under the
    /// system's temporary one.
    ///
    /// # Errors
    ///
    /// A sentence for the person who started the run.
    pub(crate) fn make(parent: Option<&Path>) -> Result<Self, String> {
        let parent = match parent {
            Some(parent) => parent.to_owned(),
            None => beside_the_program().unwrap_or_else(std::env::temp_dir),
        };
        let failed = |what: &str, error: &dyn std::fmt::Display| {
            format!("{what} `{}`: {error}; name another directory with --dir", parent.display())
        };
        std::fs::create_dir_all(&parent).map_err(|error| failed("making the directory", &error))?;
        let parent_path = parent.canonicalize().map_err(|error| failed("finding the directory", &error))?;
        let mounts = std::fs::read_to_string("/proc/self/mounts").map_err(|error| {
            format!("reading /proc/self/mounts: {error}; the benchmarks run on Linux only")
        })?;
        let mount = mount_of(&parent_path, &mounts)
            .ok_or_else(|| failed("finding the file system of", &"it has none"))?;
        if IN_MEMORY.contains(&mount.kind.as_str()) {
            return Err(failed(
                "measuring in",
                &format!("its file system is {}, which is memory", mount.kind),
            ));
        }
        let dir = tempfile::Builder::new()
            .prefix("tollgate-bench-")
            .tempdir_in(&parent_path)
            .map_err(|error| failed("making a directory below", &error))?;
        Ok(Self { dir, mount })
    }

    pub(crate) fn path(&self) -> &Path {
        self.dir.path()
    }

    /// For example `ext4, mounted at /`.
    pub(crate) fn file_system(&self) -> String {
        format!("{}, mounted at {}", self.mount.kind, self.mount.path.display())
    }

    /// A new directory within it, for one candidate in one round.
    pub(crate) fn fresh(&self, name: &str) -> TempDir {
        let made = tempfile::Builder::new().prefix(&format!("{name}-")).tempdir_in(self.path());
        made.expect("the run's directory takes another one")
    }

    /// Removes what a candidate wrote and waits until the file system has finished, so that the next one does
    /// not pay for it.
    pub(crate) fn clear(&self, used: TempDir) {
        used.close().expect("what was written can be removed");
        let parent = std::fs::File::open(self.path()).expect("the run's directory is there");
        parent.sync_all().expect("a directory can be synced");
    }
}

/// The directory that cargo built this program into, if it is writable.
fn beside_the_program() -> Option<PathBuf> {
    let program = std::env::current_exe().ok()?;
    let dir = program.parent()?;
    tempfile::tempfile_in(dir).ok().map(|_| dir.to_owned())
}

/// The file system that a path is on: the last one mounted at its longest prefix. `mounts` is
/// `/proc/self/mounts`.
fn mount_of(path: &Path, mounts: &str) -> Option<Mount> {
    let mut found: Option<Mount> = None;
    for line in mounts.lines() {
        let mut fields = line.split(' ').skip(1);
        let (Some(at), Some(kind)) = (fields.next(), fields.next()) else { continue };
        let at = PathBuf::from(at.replace("\\040", " "));
        let longer = found.as_ref().is_none_or(|found| at.as_os_str().len() >= found.path.as_os_str().len());
        if path.starts_with(&at) && longer {
            found = Some(Mount { path: at, kind: kind.to_owned() });
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_on_the_file_system_of_its_longest_prefix() {
        let mounts = "
/dev/a / ext4 rw 0 0
tmpfs /tmp tmpfs rw 0 0
/dev/b /data xfs rw 0 0
/dev/c /data/my\\040disk btrfs rw 0 0
overlay /data overlay rw 0 0
";
        for (path, expected) in [
            ("/srv/x", Some("ext4")),
            ("/tmp/x", Some("tmpfs")),
            ("/tmpx", Some("ext4")),
            ("/data", Some("overlay")),
            ("/data/my disk/x", Some("btrfs")),
            ("relative", None),
        ] {
            let found = mount_of(Path::new(path), mounts);
            assert_eq!(found.as_ref().map(|mount| mount.kind.as_str()), expected, "{path}");
        }
    }
}
