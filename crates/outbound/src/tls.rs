//! TLS to receivers: certificates that the system trusts, or those of an in-house authority.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use tokio::io::{AsyncRead, AsyncWrite};
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::crypto::ring::default_provider;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName};
use tokio_rustls::rustls::{ClientConfig, RootCertStore};

/// Whose certificates are trusted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Trust {
    /// Those that the system trusts.
    System,
    /// Only those signed by an authority in this PEM file.
    File(PathBuf),
}

/// Why no certificate can be trusted.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// A file of authorities cannot be used.
    #[error("reading the certificate authorities in {}: {reason}", path.display())]
    File {
        /// Which file.
        path: PathBuf,
        /// Why not.
        reason: String,
    },
    /// The system has no certificate authorities.
    #[error(
        "the system has no certificate authorities ({reason}): install its `ca-certificates`, or name a file with `ca_file`"
    )]
    NoneTrusted {
        /// What was found instead.
        reason: String,
    },
    /// The target's name cannot be in a certificate.
    #[error("setting up TLS: {0}")]
    Name(String),
    /// The protocol cannot be set up.
    #[error("setting up TLS: {0}")]
    Setup(#[from] tokio_rustls::rustls::Error),
}

/// A connector for TLS 1.2 or 1.3 that checks the receiver's certificate and name.
///
/// # Errors
///
/// [`TlsError`] if there is no certificate authority to trust.
pub fn connector(trust: &Trust) -> Result<TlsConnector, TlsError> {
    let roots = match trust {
        Trust::System => system()?,
        Trust::File(path) => file(path)?,
    };
    let config = ClientConfig::builder_with_provider(Arc::new(default_provider()))
        .with_safe_default_protocol_versions()?
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(TlsConnector::from(Arc::new(config)))
}

/// Speaks TLS over connections that somebody else made, to a server whose address was chosen by who asks.
#[derive(Clone)]
pub struct TlsClient {
    connector: TlsConnector,
    name: ServerName<'static>,
}

impl TlsClient {
    /// To a server of this name, or address.
    ///
    /// # Errors
    ///
    /// [`TlsError`] if there is no certificate authority to trust, or the name cannot be in a certificate.
    pub fn new(host: &str, trust: &Trust) -> Result<Self, TlsError> {
        // An IPv6 address stands in brackets in an address, and without them in a certificate.
        let host = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
        let name =
            ServerName::try_from(host.to_owned()).map_err(|error| TlsError::Name(error.to_string()))?;
        Ok(Self { connector: connector(trust)?, name })
    }

    /// Checks the server's certificate and name.
    ///
    /// # Errors
    ///
    /// What the other side sent is no TLS, or its certificate is not trusted.
    pub async fn connect<S: AsyncRead + AsyncWrite + Unpin>(
        &self,
        stream: S,
    ) -> io::Result<impl AsyncRead + AsyncWrite + Unpin + use<S>> {
        self.connector.connect(self.name.clone(), stream).await
    }
}

impl fmt::Debug for TlsClient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TlsClient").field("name", &self.name).finish_non_exhaustive()
    }
}

fn system() -> Result<RootCertStore, TlsError> {
    let found = rustls_native_certs::load_native_certs();
    let mut roots = RootCertStore::empty();
    // One unreadable certificate must not make the others unusable.
    let (added, _) = roots.add_parsable_certificates(found.certs);
    if added == 0 {
        let reason = found.errors.first().map_or_else(|| "none found".to_owned(), ToString::to_string);
        return Err(TlsError::NoneTrusted { reason });
    }
    Ok(roots)
}

fn file(path: &Path) -> Result<RootCertStore, TlsError> {
    let failed = |reason: String| TlsError::File { path: path.to_owned(), reason };
    let pem = std::fs::read(path).map_err(|error: io::Error| failed(error.to_string()))?;
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_slice_iter(&pem) {
        let certificate = certificate.map_err(|error| failed(error.to_string()))?;
        roots.add(certificate).map_err(|error| failed(error.to_string()))?;
    }
    if roots.is_empty() {
        return Err(failed("no certificate in it, expected PEM".to_owned()));
    }
    Ok(roots)
}
