//! A disk that is small enough to be filled.

use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};

use tollgate_test_process::Program;

/// A separate file system, in memory, of a few MiB.
pub struct SmallDisk {
    dir: PathBuf,
}

impl SmallDisk {
    /// Mounts one at a directory. `None`: this process may not mount, which only root may.
    #[must_use]
    #[expect(clippy::print_stderr, reason = "a skipped test says so")]
    pub fn mount(dir: &Path, mib: u32) -> Option<Self> {
        std::fs::create_dir_all(dir).unwrap();
        let size = format!("size={mib}m");
        let mounted = Program::new("mount").args(["-t", "tmpfs", "-o", &size, "tmpfs"]).arg(dir).try_output();
        let mounted = mounted.is_ok_and(|done| done.status.success());
        if !mounted {
            eprintln!("skipped: a full disk needs a mount, which only root may make");
        }
        mounted.then(|| Self { dir: dir.to_owned() })
    }

    /// Fills it to the last byte.
    pub fn fill(&self) {
        let mut file = File::options().create(true).append(true).open(self.filler()).unwrap();
        for step in [1 << 16, 1] {
            while file.write_all(&vec![1; step]).is_ok() {}
        }
    }

    /// Frees everything that [`Self::fill`] took.
    pub fn free(&self) {
        std::fs::remove_file(self.filler()).unwrap();
    }

    fn filler(&self) -> PathBuf {
        self.dir.join("filler")
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        // Lazily: the server of a failed test may still have it open.
        let _ = Program::new("umount").arg("-l").arg(&self.dir).try_output();
    }
}
