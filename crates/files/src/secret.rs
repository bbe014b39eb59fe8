//! Who may read a file with a secret.

use std::fs::Metadata;
use std::os::unix::fs::{MetadataExt, PermissionsExt};

/// Bits by which others than the owner may do anything.
const OTHERS: u32 = 0o077;
/// Bits by which others than the owner may do more than read as members of the group.
const MORE_THAN_THE_GROUP: u32 = 0o037;

/// The mode of a file with a secret if too many may read or change it; `None` if nobody may but its owner, or, for a
/// file of root's that is read by another user, its group. Root alone chooses that group: so Kubernetes and systemd
/// hand secrets to a process that is not root, and so do PostgreSQL's keys.
#[must_use]
pub fn too_open(metadata: &Metadata) -> Option<u32> {
    let mode = metadata.permissions().mode() & 0o7777;
    let reader = rustix::process::geteuid().as_raw();
    is_too_open(mode, metadata.uid(), reader).then_some(mode)
}

const fn is_too_open(mode: u32, owner: u32, reader: u32) -> bool {
    let handed_over = owner == 0 && reader != 0;
    mode & (if handed_over { MORE_THAN_THE_GROUP } else { OTHERS }) != 0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_its_owners_or_is_handed_over_by_root() {
        const ROOT: u32 = 0;
        const SERVICE: u32 = 65532;
        for (mode, owner, reader, open) in [
            (0o600, SERVICE, SERVICE, false),
            (0o400, SERVICE, SERVICE, false),
            (0o640, SERVICE, SERVICE, true),
            (0o440, SERVICE, SERVICE, true),
            (0o604, SERVICE, SERVICE, true),
            // As Kubernetes mounts a Secret for a pod with `fsGroup`.
            (0o440, ROOT, SERVICE, false),
            (0o640, ROOT, SERVICE, false),
            (0o660, ROOT, SERVICE, true),
            (0o450, ROOT, SERVICE, true),
            (0o444, ROOT, SERVICE, true),
            // Root needs no group.
            (0o600, ROOT, ROOT, false),
            (0o640, ROOT, ROOT, true),
            // Somebody else's group is not root's choice.
            (0o440, 1000, SERVICE, true),
        ] {
            assert_eq!(is_too_open(mode, owner, reader), open, "mode {mode:o} of {owner}, read by {reader}");
        }
    }

    #[test]
    fn the_mode_is_that_of_the_file() {
        let file = tempfile::NamedTempFile::new().unwrap();
        assert_eq!(too_open(&file.as_file().metadata().unwrap()), None);
        file.as_file().set_permissions(std::fs::Permissions::from_mode(0o644)).unwrap();
        assert_eq!(too_open(&file.as_file().metadata().unwrap()), Some(0o644));
    }
}
