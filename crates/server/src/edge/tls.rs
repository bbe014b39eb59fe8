//! TLS: the certificate that the server shows, read again when its files change.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::ring::default_provider;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tollgate_clock::sleep;

/// How often to look whether the files changed: who renews certificates need not tell the server.
const LOOK_EVERY: Duration = Duration::from_secs(60);

/// How a client says that it speaks HTTP/2.
pub(super) const HTTP_2: &[u8] = b"h2";

/// The files of a certificate, both PEM.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TlsFiles {
    /// The certificate, then those that sign it.
    pub certificate: PathBuf,
    /// Its private key, readable by its owner alone.
    pub key: PathBuf,
}

/// Why a certificate cannot be shown.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TlsError {
    /// A file cannot be used. Nothing of its content is in the message.
    #[error("TLS: {what} {}: {reason}", path.display())]
    File {
        /// Which of the files.
        what: &'static str,
        /// Where.
        path: PathBuf,
        /// Why not, and what to do.
        reason: String,
    },
    /// Both can be read and do not fit.
    #[error("TLS: {} and {} cannot be used together: {reason}", files.certificate.display(), files.key.display())]
    Pair {
        /// Which.
        files: TlsFiles,
        /// Why not.
        reason: String,
    },
}

/// The certificate that new connections are shown.
pub(crate) struct Tls {
    files: TlsFiles,
    shown: Mutex<Shown>,
}

struct Shown {
    acceptor: TlsAcceptor,
    /// The content of the files that it was made of.
    of: [Vec<u8>; 2],
    /// What was wrong with them when they were last looked at.
    problem: Option<TlsError>,
}

impl Tls {
    /// Reads the files.
    ///
    /// # Errors
    ///
    /// [`TlsError`].
    pub(crate) fn open(files: TlsFiles) -> Result<Self, TlsError> {
        let of = read(&files)?;
        let acceptor = acceptor(&files, &of)?;
        Ok(Self { files, shown: Mutex::new(Shown { acceptor, of, problem: None }) })
    }

    /// For the next connection.
    pub(super) fn acceptor(&self) -> TlsAcceptor {
        self.shown().acceptor.clone()
    }

    /// Reads the files again. Connections that are open stay as they are; if the files cannot be used, so does the
    /// certificate, and that is logged, once.
    pub(crate) fn reload(&self) {
        let read = read(&self.files).and_then(|of| {
            let is_new = self.shown().of != of;
            Ok(if is_new { Some((acceptor(&self.files, &of)?, of)) } else { None })
        });
        let mut shown = self.shown();
        match read {
            Ok(Some((acceptor, of))) => {
                *shown = Shown { acceptor, of, problem: None };
                tracing::info!(certificate = %self.files.certificate.display(), "new connections are shown another certificate");
            }
            Ok(None) => shown.problem = None,
            Err(error) if shown.problem.as_ref() != Some(&error) => {
                tracing::error!(%error, "the certificate stays the one before");
                shown.problem = Some(error);
            }
            Err(_) => {}
        }
    }

    /// Reads the files again every minute. Never ends.
    pub(crate) async fn follow(&self) {
        loop {
            sleep(LOOK_EVERY).await;
            self.reload();
        }
    }

    fn shown(&self) -> MutexGuard<'_, Shown> {
        // Every change is a single assignment: a panic leaves nothing half done.
        self.shown.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn read(files: &TlsFiles) -> Result<[Vec<u8>; 2], TlsError> {
    let content = |what, path: &Path| {
        std::fs::read(path).map_err(|error| TlsError::File {
            what,
            path: path.to_owned(),
            reason: error.to_string(),
        })
    };
    let key = content("the key", &files.key)?;
    let found = std::fs::metadata(&files.key).ok();
    if let Some(mode) = found.as_ref().and_then(tollgate_files::too_open) {
        let reason = format!("others can read it (mode {mode:o}): chmod 600");
        return Err(TlsError::File { what: "the key", path: files.key.clone(), reason });
    }
    Ok([content("the certificate", &files.certificate)?, key])
}

fn acceptor(files: &TlsFiles, [certificate, key]: &[Vec<u8>; 2]) -> Result<TlsAcceptor, TlsError> {
    let wrong = |what, path: &PathBuf, reason: String| TlsError::File { what, path: path.clone(), reason };
    let chain: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(certificate).collect();
    let chain = chain.map_err(|error| wrong("the certificate", &files.certificate, error.to_string()))?;
    if chain.is_empty() {
        return Err(wrong(
            "the certificate",
            &files.certificate,
            "no certificate in it, expected PEM".to_owned(),
        ));
    }
    // The library's message could quote what it read.
    let key = PrivateKeyDer::from_pem_slice(key)
        .map_err(|_| wrong("the key", &files.key, "no private key in it, expected PEM".to_owned()))?;
    let pair = |error: tokio_rustls::rustls::Error| TlsError::Pair {
        files: files.clone(),
        reason: error.to_string(),
    };
    let config = ServerConfig::builder_with_provider(Arc::new(default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(pair)?
        .with_no_client_auth()
        .with_single_cert(chain, key);
    let mut config = config.map_err(pair)?;
    config.alpn_protocols = vec![HTTP_2.to_vec(), b"http/1.1".to_vec()];
    Ok(TlsAcceptor::from(Arc::new(config)))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    /// A directory with a certificate and its key.
    fn place() -> (tempfile::TempDir, TlsFiles) {
        let dir = tempfile::tempdir().unwrap();
        let files = TlsFiles { certificate: dir.path().join("cert.pem"), key: dir.path().join("key.pem") };
        write(&files);
        (dir, files)
    }

    fn write(files: &TlsFiles) {
        let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
        std::fs::write(&files.certificate, made.cert.pem()).unwrap();
        write_key(files, &made.signing_key.serialize_pem());
    }

    fn write_key(files: &TlsFiles, text: &str) {
        std::fs::write(&files.key, text).unwrap();
        std::fs::set_permissions(&files.key, std::fs::Permissions::from_mode(0o600)).unwrap();
    }

    #[test]
    fn files_that_cannot_be_used_are_named_without_their_content() {
        for (what, part) in [
            ("no certificate", "no certificate in it"),
            ("no key", "no private key in it"),
            ("another key", "cannot be used together"),
            ("open key", "others can read it (mode 644): chmod 600"),
            ("missing", "No such file"),
        ] {
            let (_dir, files) = place();
            match what {
                "no certificate" => std::fs::write(&files.certificate, "x").unwrap(),
                "no key" => write_key(&files, "c2VjcmV0"),
                "another key" => write_key(&files, &rcgen::KeyPair::generate().unwrap().serialize_pem()),
                "open key" => {
                    std::fs::set_permissions(&files.key, std::fs::Permissions::from_mode(0o644)).unwrap();
                }
                _ => std::fs::remove_file(&files.certificate).unwrap(),
            }
            let Err(error) = Tls::open(files) else { panic!("{what}") };
            let text = error.to_string();
            assert!(text.contains(part) && !text.contains("c2VjcmV0"), "{what}: {text}");
        }
    }

    #[test]
    fn changed_files_are_taken_and_unusable_ones_change_nothing() {
        let (_dir, files) = place();
        let tls = Tls::open(files.clone()).unwrap();
        let shown = || tls.shown().of.clone();
        let first = shown();
        tls.reload();
        assert_eq!(shown(), first);
        write_key(&files, "half");
        tls.reload();
        assert!(shown() == first && tls.shown().problem.is_some());
        write(&files);
        tls.reload();
        assert!(shown() != first && tls.shown().problem.is_none());
    }
}
