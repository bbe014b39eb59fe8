//! Tables for flags, files and how secrets are displayed.

use std::os::unix::fs::PermissionsExt;

use super::*;

const SECRET: &str = "swordfish";

fn file(dir: &Path, name: &str, content: &str, mode: u32) -> PathBuf {
    let path = dir.join(name);
    std::fs::write(&path, content).unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
    path
}

#[test]
fn flags_say_one_way_or_none() {
    let text = |text: &str| Some(text.to_owned());
    let path = || Some(PathBuf::from("/secret"));
    let none = Access::default;
    let table = [
        (none(), Ok("none")),
        (Access { user: text("u"), password: text(SECRET), ..none() }, Ok("user u, password ***")),
        (Access { user: text("u"), password_file: path(), ..none() }, Ok("user u, password in /secret")),
        (Access { token: text(SECRET), ..none() }, Ok("token ***")),
        (Access { token_file: path(), ..none() }, Ok("token in /secret")),
        (Access { credentials_file: path(), ..none() }, Ok("credentials file /secret")),
        (Access { nkey_file: path(), ..none() }, Ok("nkey seed file /secret")),
        (Access { user: text("u"), ..none() }, Err("user `u` has no password")),
        (Access { password: text(SECRET), ..none() }, Err("a password without a user")),
        (
            Access { user: text("u"), password: text(SECRET), password_file: path(), ..none() },
            Err("a password and a file with one"),
        ),
        (
            Access { token: text(SECRET), token_file: path(), ..none() },
            Err("a token and a file with one are given"),
        ),
        (
            Access { token: text(SECRET), user: text("u"), password: text(SECRET), ..none() },
            Err("a user and a token are given; give one"),
        ),
        (
            Access { credentials_file: path(), nkey_file: path(), ..none() },
            Err("a credentials file and an nkey file are given"),
        ),
    ];
    for (access, expected) in table {
        let shown = format!("{access:?}");
        assert!(!shown.contains(SECRET), "{shown}");
        match (access.credentials(), expected) {
            (Ok(credentials), Ok(expected)) => assert_eq!(format!("{credentials:?}"), expected),
            (Err(error), Err(expected)) => assert!(error.to_string().contains(expected), "{error}"),
            (found, expected) => panic!("{shown}: {found:?}, expected {expected:?}"),
        }
    }
}

#[test]
fn a_secret_that_others_can_read_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let seed = "SUACSSL3UAHUDXKFSNVUZRF5UHPMWZ6BFDTJ7M6USDXIEDNPPQYYYCU3VY";
    for (mode, fine) in
        [(0o600, true), (0o400, true), (0o640, false), (0o604, false), (0o666, false), (0o610, false)]
    {
        let path = file(dir.path(), "secret", seed, 0o600);
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
        let all = [
            Credentials::Nkey(path.clone()),
            Credentials::Token(Secret::File(path.clone())),
            Credentials::Password { user: "u".to_owned(), password: Secret::File(path.clone()) },
        ];
        for credentials in all {
            match credentials.apply(ConnectOptions::new()) {
                Ok(_) => assert!(fine, "{credentials:?} {mode:o}"),
                Err(error) => {
                    assert!(!fine, "{error}");
                    let text = error.to_string();
                    assert!(
                        text.contains(&format!("mode {mode:04o}")) && text.contains("chmod 600"),
                        "{text}"
                    );
                    assert!(!text.contains(seed) && !format!("{error:?}").contains(seed));
                }
            }
        }
        std::fs::remove_file(path).unwrap();
    }
    let key = file(dir.path(), "key.pem", "key", 0o644);
    let certificate = file(dir.path(), "cert.pem", "certificate", 0o644);
    let tls = Tls { certificate: Some(certificate.clone()), key: Some(key.clone()), ..Tls::default() };
    let error = tls.apply(ConnectOptions::new()).err().unwrap();
    assert!(matches!(error, CredentialsError::Open { what: "key file", mode: 0o644, .. }), "{error}");
    std::fs::set_permissions(&key, std::fs::Permissions::from_mode(0o600)).unwrap();
    assert!(tls.apply(ConnectOptions::new()).is_ok(), "a certificate is no secret");
    for half in [Tls { key: None, ..tls.clone() }, Tls { certificate: None, ..tls }] {
        let error = half.apply(ConnectOptions::new()).err().unwrap();
        assert!(matches!(error, CredentialsError::Ambiguous(_)), "{error}");
    }
}

#[test]
fn a_file_that_is_none_is_named_without_its_content() {
    let dir = tempfile::tempdir().unwrap();
    let wrong = file(dir.path(), "wrong", SECRET, 0o600);
    let missing = dir.path().join("missing");
    let table = [
        (Credentials::File(wrong.clone()), "no JWT with a seed"),
        (Credentials::Nkey(wrong), "no seed of a user"),
        (Credentials::File(missing.clone()), "credentials file"),
        (Credentials::Nkey(missing.clone()), "nkey seed file"),
        (Credentials::Token(Secret::File(missing)), "token file"),
    ];
    for (credentials, expected) in table {
        let error = credentials.apply(ConnectOptions::new()).err().unwrap();
        assert!(error.to_string().contains(expected), "{error}");
        assert!(!format!("{error} {error:?}").contains(SECRET));
    }
}
