//! Whether the operating system writes a server's store directory synchronously: because of the attribute
//! `S`, which files inherit from the directory they are created in, or because of its mount.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::{DurabilityEvidence, Says, StoreSync};

/// The number of files passed to one call of `lsattr`.
const AT_ONCE: usize = 500;

/// Checks a store directory, and what the stream has in it. `of_server` is the directory that the server
/// names.
pub(super) fn look(dir: &Path, stream: &str, of_server: Option<&str>) -> Says {
    let shown = dir.display();
    let Ok(dir) = dir.canonicalize() else {
        return Says::Nothing(format!(
            "the store directory {shown} is not there, or cannot be read from here"
        ));
    };
    // The server reports `<store_dir>/jetstream`.
    let is_servers = |of_server: &str| {
        Path::new(of_server)
            .canonicalize()
            .is_ok_and(|theirs| theirs.starts_with(&dir) || dir.starts_with(&theirs))
    };
    if let Some(of_server) = of_server
        && !is_servers(of_server)
    {
        return Says::No(format!("{shown} is not the store directory of the server, which is {of_server}"));
    }
    let paths = match paths_of(&dir, stream) {
        Ok(paths) => paths,
        Err(error) => return Says::Nothing(format!("{shown} cannot be read from here: {error}")),
    };
    if !paths.iter().any(|path| path.ends_with(Path::new("streams").join(stream))) {
        return Says::No(format!("{shown} holds no stream {stream}: it is not the store of this server"));
    }
    if let Ok(mounts) = fs::read_to_string("/proc/mounts")
        && mounted_sync(&mounts, &dir)
    {
        return Says::Yes(DurabilityEvidence::Store { dir, by: StoreSync::Mount });
    }
    for some in paths.chunks(AT_ONCE) {
        match without_attribute(some) {
            Ok(None) => {}
            Ok(Some(path)) => {
                return Says::No(format!(
                    "{path} is not written synchronously: stop the server and run `chattr -R +S {shown}`"
                ));
            }
            Err(reason) => {
                return Says::Nothing(format!("the attributes of {shown} cannot be seen: {reason}"));
            }
        }
    }
    Says::Yes(DurabilityEvidence::Store { dir, by: StoreSync::Attribute })
}

/// The directory, and everything that a stream has in it.
fn paths_of(dir: &Path, stream: &str) -> io::Result<Vec<PathBuf>> {
    let mut paths = vec![dir.to_owned()];
    let mut at = vec![dir.to_owned()];
    while let Some(next) = at.pop() {
        for entry in fs::read_dir(next)? {
            let entry = entry?;
            let path = entry.path();
            let parent = path.parent().and_then(Path::file_name);
            let of_another = parent.is_some_and(|name| name == "streams") && entry.file_name() != stream;
            if of_another {
                continue;
            }
            let kind = entry.file_type()?;
            if kind.is_dir() {
                at.push(path.clone());
            }
            // Files of consumers do not matter: readers keep their positions themselves.
            if kind.is_dir() || kind.is_file() {
                paths.push(path);
            }
        }
    }
    Ok(paths)
}

/// The first of these paths that lacks the attribute `S`.
fn without_attribute(paths: &[PathBuf]) -> Result<Option<String>, String> {
    let output = Command::new("lsattr").arg("-d").args(paths).output();
    let output = output.map_err(|error| format!("lsattr (of e2fsprogs): {error}"))?;
    let text = String::from_utf8_lossy(&output.stdout);
    let without = lacking(&text);
    // A file may disappear between listing and checking; if a directory cannot be read, that shows for all of
    // its files.
    if without.is_none() && text.lines().count() == 0 {
        return Err(String::from_utf8_lossy(&output.stderr).lines().next().unwrap_or("no answer").to_owned());
    }
    Ok(without)
}

/// The first path in the output of `lsattr` that lacks the attribute.
fn lacking(text: &str) -> Option<String> {
    let lines = text.lines().filter_map(|line| line.split_once(' '));
    let mut lacking = lines.filter(|(attributes, _)| !attributes.contains('S'));
    lacking.next().map(|(_, path)| path.trim().to_owned())
}

/// Whether the file system of a directory is mounted `sync`: decided by the last mount of the longest path
/// that leads to it.
fn mounted_sync(mounts: &str, dir: &Path) -> bool {
    let mut best: Option<(usize, bool)> = None;
    for line in mounts.lines() {
        let mut fields = line.split(' ');
        let (Some(_), Some(at), Some(_), Some(options)) =
            (fields.next(), fields.next(), fields.next(), fields.next())
        else {
            continue;
        };
        let at = at.replace("\\040", " ");
        if dir.starts_with(&at) && best.is_none_or(|(length, _)| at.len() >= length) {
            best = Some((at.len(), options.split(',').any(|option| option == "sync")));
        }
    }
    best.is_some_and(|(_, sync)| sync)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_mount_nearest_to_the_directory_decides() {
        let mounts = "/dev/a / ext4 rw,relatime 0 0\n/dev/b /var/lib ext4 rw,sync,relatime 0 0\n\
                      /dev/c /var/lib/fast xfs rw,dirsync 0 0\n/dev/d /with\\040space ext4 rw,sync 0 0\n\
                      /dev/e /twice ext4 rw,sync 0 0\n/dev/f /twice ext4 rw 0 0\n";
        for (dir, sync) in [
            ("/", false),
            ("/var", false),
            ("/var/lib", true),
            ("/var/lib/js/jetstream", true),
            ("/var/libs", false),
            ("/var/lib/fast/js", false),
            ("/with space/js", true),
            ("/twice/js", false),
        ] {
            assert_eq!(mounted_sync(mounts, Path::new(dir)), sync, "{dir}");
        }
    }

    #[test]
    fn one_path_without_the_attribute_is_enough() {
        let with = "--S-----------e------- /js\n--S-----------e------- /js/a file\n";
        assert_eq!(lacking(with), None);
        let one = format!("{with}--------------e------- /js/1.blk\n");
        assert_eq!(lacking(&one).as_deref(), Some("/js/1.blk"));
        assert_eq!(lacking("----s----------------- /js\n").as_deref(), Some("/js"), "another attribute");
    }
}
