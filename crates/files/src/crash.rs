//! A disk whose power can be cut: what was not made durable may be lost, in part or whole.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fs::File;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::disk::{Disk, RealDisk};
use crate::private_file;

/// What a device writes at once or not at all.
const SECTOR: usize = 512;

/// A real disk that remembers what was made durable. The power is cut before a chosen call: that one and all later
/// ones fail. [`Self::lose`] then leaves in the files what a power cut may leave.
#[derive(Debug, Default)]
pub struct CrashDisk {
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    calls: u64,
    cut_before: Option<u64>,
    /// Every file there ever was.
    files: Vec<Content>,
    /// The files by inode: that of a removed file is given to another one.
    inodes: HashMap<u64, usize>,
    /// The names that programs see, and those that are durable.
    names: BTreeMap<PathBuf, usize>,
    durable: BTreeMap<PathBuf, usize>,
}

#[derive(Clone, Debug, Default)]
struct Content {
    synced: Vec<u8>,
    /// Writes since the last sync.
    pending: Vec<(usize, Vec<u8>)>,
}

/// What chance decides when the power is cut; a test gives a seeded generator.
pub trait Chance {
    /// A number below this one, which is not zero.
    fn below(&mut self, end: u64) -> u64;
}

/// The same numbers for the same seed, on every machine (SplitMix64).
#[derive(Debug)]
pub struct Seeded(u64);

impl Seeded {
    /// The numbers of a seed.
    #[must_use]
    pub const fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0xa076_1d64_78bd_642f))
    }

    /// A number below this one, which is not zero.
    pub fn number(&mut self, end: usize) -> usize {
        self.below(end as u64) as usize
    }
}

impl Chance for Seeded {
    fn below(&mut self, end: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut word = self.0;
        word = (word ^ (word >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        word = (word ^ (word >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (word ^ (word >> 31)) % end
    }
}

impl CrashDisk {
    /// Cuts the power before the n-th call from now on (1 is the next one).
    pub fn cut_before(&self, nth: u64) {
        let mut state = self.lock();
        state.cut_before = Some(state.calls + nth);
    }

    /// The number of calls so far.
    pub fn calls(&self) -> u64 {
        self.lock().calls
    }

    /// Whether the power was cut.
    pub fn is_cut(&self) -> bool {
        let state = self.lock();
        state.cut_before.is_some_and(|cut| state.calls >= cut)
    }

    /// Leaves in the files what a power cut may leave: of each file the last durable content with any of the later
    /// writes, the last of which may be torn; of each name the durable or the later state.
    ///
    /// # Errors
    ///
    /// The operating system's error.
    pub fn lose(&self, chance: &mut impl Chance) -> io::Result<()> {
        let state = self.lock();
        let paths: BTreeSet<&PathBuf> = state.names.keys().chain(state.durable.keys()).collect();
        for path in paths {
            let (seen, durable) = (state.names.get(path), state.durable.get(path));
            let left = if seen == durable || chance.below(2) == 0 { durable } else { seen };
            match left.and_then(|file| state.files.get(*file)) {
                Some(content) => {
                    let bytes = content.after_a_cut(chance);
                    std::fs::write(path, bytes)?;
                }
                None if path.exists() => std::fs::remove_file(path)?,
                None => {}
            }
        }
        Ok(())
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The state, if there is power for one more call.
    fn call(&self) -> io::Result<MutexGuard<'_, State>> {
        let mut state = self.lock();
        state.calls += 1;
        match state.cut_before {
            Some(cut) if state.calls >= cut => Err(io::Error::other("injected: the power is cut")),
            Some(_) | None => Ok(state),
        }
    }
}

impl State {
    /// The content of an open file.
    fn content(&mut self, file: &File) -> io::Result<&mut Content> {
        let number = self.inodes.get(&file.metadata()?.ino());
        let content = number.and_then(|number| self.files.get_mut(*number));
        content.ok_or_else(|| io::Error::other("the file was not made on this disk"))
    }
}

impl Content {
    fn write(bytes: &mut Vec<u8>, offset: usize, written: &[u8]) {
        let end = offset + written.len();
        if bytes.len() < end {
            bytes.resize(end, 0);
        }
        bytes[offset..end].copy_from_slice(written);
    }

    fn after_a_cut(&self, chance: &mut impl Chance) -> Vec<u8> {
        let mut bytes = self.synced.clone();
        for (offset, written) in &self.pending {
            let sectors = written.len().div_ceil(SECTOR) as u64;
            match chance.below(3) {
                0 => {}
                1 => Self::write(&mut bytes, *offset, written),
                _ => {
                    let kept = chance.below(sectors + 1) as usize * SECTOR;
                    Self::write(&mut bytes, *offset, &written[..kept.min(written.len())]);
                }
            }
        }
        bytes
    }
}

impl Disk for CrashDisk {
    fn create(&self, path: &Path) -> io::Result<File> {
        let mut state = self.call()?;
        let file = private_file().read(true).write(true).create_new(true).open(path)?;
        let number = state.files.len();
        state.files.push(Content::default());
        state.inodes.insert(file.metadata()?.ino(), number);
        state.names.insert(path.to_owned(), number);
        Ok(file)
    }

    fn write_all_at(&self, file: &File, bytes: &[u8], offset: u64) -> io::Result<()> {
        let mut state = self.call()?;
        let at = usize::try_from(offset).map_err(io::Error::other)?;
        state.content(file)?.pending.push((at, bytes.to_vec()));
        RealDisk.write_all_at(file, bytes, offset)
    }

    fn sync_data(&self, file: &File) -> io::Result<()> {
        let mut state = self.call()?;
        let Content { synced, pending } = state.content(file)?;
        for (offset, written) in std::mem::take(pending) {
            Content::write(synced, offset, &written);
        }
        Ok(())
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        let mut state = self.call()?;
        RealDisk.rename(from, to)?;
        if let Some(number) = state.names.remove(from) {
            state.names.insert(to.to_owned(), number);
        }
        Ok(())
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        let mut state = self.call()?;
        RealDisk.remove(path)?;
        state.names.remove(path);
        Ok(())
    }

    fn sync_dir(&self, dir: &Path) -> io::Result<()> {
        let mut state = self.call()?;
        let of_dir = |names: &BTreeMap<PathBuf, usize>| -> BTreeMap<PathBuf, usize> {
            let here = names.iter().filter(|(path, _)| path.parent() == Some(dir));
            here.map(|(path, number)| (path.clone(), *number)).collect()
        };
        let now = of_dir(&state.names);
        state.durable.retain(|path, _| path.parent() != Some(dir));
        state.durable.extend(now);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Numbers of a list, again and again.
    struct Given(Vec<u64>, usize);

    impl Chance for Given {
        fn below(&mut self, end: u64) -> u64 {
            let number = self.0[self.1 % self.0.len()];
            self.1 += 1;
            number % end
        }
    }

    fn written(disk: &CrashDisk, dir: &Path) -> PathBuf {
        let path = dir.join("file");
        let file = disk.create(&path).unwrap();
        disk.write_all_at(&file, &[1; 1024], 0).unwrap();
        disk.sync_data(&file).unwrap();
        disk.sync_dir(dir).unwrap();
        disk.write_all_at(&file, &[2; 1024], 512).unwrap();
        path
    }

    #[test]
    fn what_is_durable_stays_and_the_rest_is_lost_or_torn_or_there() {
        let torn = [vec![1; 512], vec![2; 512]].concat();
        let cases =
            [(vec![0], vec![1; 1024]), (vec![1], [vec![1; 512], vec![2; 1024]].concat()), (vec![2, 1], torn)];
        for (chance, expected) in cases {
            let dir = tempfile::tempdir().unwrap();
            let disk = CrashDisk::default();
            let path = written(&disk, dir.path());
            disk.lose(&mut Given(chance.clone(), 0)).unwrap();
            assert!(std::fs::read(&path).unwrap() == expected, "{chance:?}");
        }
    }

    #[test]
    fn names_are_durable_with_their_directory() {
        let dir = tempfile::tempdir().unwrap();
        let disk = CrashDisk::default();
        let path = written(&disk, dir.path());
        let renamed = dir.path().join("renamed");
        disk.rename(&path, &renamed).unwrap();
        disk.lose(&mut Given(vec![0], 0)).unwrap();
        assert!(path.exists() && !renamed.exists(), "the rename was not durable");
        std::fs::rename(&path, &renamed).unwrap();
        disk.sync_dir(dir.path()).unwrap();
        disk.lose(&mut Given(vec![0], 0)).unwrap();
        assert!(!path.exists() && renamed.exists());
    }

    #[test]
    fn without_power_nothing_is_written() {
        let dir = tempfile::tempdir().unwrap();
        let disk = CrashDisk::default();
        disk.cut_before(5);
        let path = dir.path().join("file");
        let file = disk.create(&path).unwrap();
        disk.write_all_at(&file, b"one", 0).unwrap();
        disk.sync_data(&file).unwrap();
        disk.sync_dir(dir.path()).unwrap();
        assert!(!disk.is_cut());
        let error = disk.write_all_at(&file, b"two", 0).unwrap_err();
        assert!(disk.is_cut() && error.to_string().contains("power"), "{error}");
        assert!(disk.create(&dir.path().join("other")).is_err());
        disk.lose(&mut Given(vec![1], 0)).unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), b"one");
    }
}
