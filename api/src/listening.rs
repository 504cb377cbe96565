//! Where the server listens: connections as they are, or under TLS.
//!
//! A handshake has its time and is nobody else's: one that says nothing keeps no other from being accepted. The certificate
//! can be replaced while the server runs; connections that are open keep the one they began with.

use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use axum::serve::Listener;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, mpsc};
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::aws_lc_rs;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::server::TlsStream;
use tokio_util::either::Either;

/// How long a handshake may take.
const HANDSHAKE: Duration = Duration::from_secs(10);
/// Most handshakes at once, and most connections that wait for a handler.
const HANDSHAKES_MAX: usize = 512;

/// What the server shows to prove who it is, and can be replaced. Clones are the same.
#[derive(Clone)]
pub struct Tls(Arc<RwLock<Arc<ServerConfig>>>);

impl std::fmt::Debug for Tls {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Tls").finish_non_exhaustive()
    }
}

/// Why a certificate and a key will not do.
#[derive(Debug, thiserror::Error)]
pub enum InvalidTls {
    /// The certificates cannot be read.
    #[error("the certificates are not PEM: {0}")]
    Certificates(tokio_rustls::rustls::pki_types::pem::Error),
    /// There is no certificate.
    #[error("there is no certificate: expected `-----BEGIN CERTIFICATE-----`")]
    NoCertificate,
    /// The key cannot be read.
    #[error("the private key is not PEM without a password: {0}")]
    Key(tokio_rustls::rustls::pki_types::pem::Error),
    /// They do not belong together, or are of a kind that is not served.
    #[error("the certificate and the private key cannot be used: {0}")]
    Pair(#[from] tokio_rustls::rustls::Error),
}

impl Tls {
    /// The certificate, then those of who issued it, and its private key, each as PEM.
    pub fn new(certificates: &[u8], key: &[u8]) -> Result<Self, InvalidTls> {
        Ok(Self(Arc::new(RwLock::new(Arc::new(config(certificates, key)?)))))
    }

    /// Shows these from the next connection on; those before stay when these will not do.
    pub fn replace(&self, certificates: &[u8], key: &[u8]) -> Result<(), InvalidTls> {
        let config = Arc::new(config(certificates, key)?);
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = config;
        Ok(())
    }

    fn acceptor(&self) -> TlsAcceptor {
        let config = self.0.read().unwrap_or_else(PoisonError::into_inner);
        TlsAcceptor::from(Arc::clone(&config))
    }
}

fn config(certificates: &[u8], key: &[u8]) -> Result<ServerConfig, InvalidTls> {
    let chain = CertificateDer::pem_slice_iter(certificates).collect::<Result<Vec<_>, _>>();
    let chain = chain.map_err(InvalidTls::Certificates)?;
    if chain.is_empty() {
        return Err(InvalidTls::NoCertificate);
    }
    let key = PrivateKeyDer::from_pem_slice(key).map_err(InvalidTls::Key)?;
    let provider = Arc::new(aws_lc_rs::default_provider());
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_single_cert(chain, key)?;
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(config)
}

/// A socket, with TLS or without.
#[derive(Debug)]
pub(crate) enum Listening {
    Plain(TcpListener),
    Tls(Handshakes),
}

impl Listening {
    pub(crate) fn new(listener: TcpListener, tls: Option<Tls>) -> io::Result<Self> {
        match tls {
            None => Ok(Self::Plain(listener)),
            Some(tls) => Ok(Self::Tls(Handshakes::begin(listener, tls)?)),
        }
    }
}

impl Listener for Listening {
    type Io = Either<TcpStream, TlsStream<TcpStream>>;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Self::Io, SocketAddr) {
        match self {
            Self::Plain(listener) => {
                let (stream, from) = Listener::accept(listener).await;
                (Either::Left(stream), from)
            }
            Self::Tls(handshakes) => handshakes.next().await,
        }
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        match self {
            Self::Plain(listener) => listener.local_addr(),
            Self::Tls(handshakes) => Ok(handshakes.address),
        }
    }
}

/// Who is at the other end.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Peer(pub SocketAddr);

type Accepted = (Either<TcpStream, TlsStream<TcpStream>>, SocketAddr);

/// Connections whose handshake is done. Nothing is accepted any more when this is dropped.
#[derive(Debug)]
pub(crate) struct Handshakes {
    address: SocketAddr,
    done: mpsc::Receiver<Accepted>,
    _accepting: JoinSet<()>,
}

impl Handshakes {
    fn begin(listener: TcpListener, tls: Tls) -> io::Result<Self> {
        let address = listener.local_addr()?;
        let (sender, done) = mpsc::channel(HANDSHAKES_MAX);
        let mut accepting = JoinSet::new();
        accepting.spawn(accept(listener, tls, sender));
        Ok(Self { address, done, _accepting: accepting })
    }

    async fn next(&mut self) -> Accepted {
        match self.done.recv().await {
            Some(accepted) => accepted,
            // The task ends only with this.
            None => std::future::pending().await,
        }
    }
}

async fn accept(mut listener: TcpListener, tls: Tls, sender: mpsc::Sender<Accepted>) {
    let room = Arc::new(Semaphore::new(HANDSHAKES_MAX));
    let mut handshakes = JoinSet::new();
    loop {
        let Ok(place) = Arc::clone(&room).acquire_owned().await else { return };
        let (stream, from) = Listener::accept(&mut listener).await;
        let (handshake, sender) = (handshake(tls.acceptor(), stream), sender.clone());
        handshakes.spawn(async move {
            let _place = place;
            match handshake.await {
                // Nobody waits for connections any more.
                Ok(stream) => drop(sender.send((Either::Right(stream), from)).await),
                Err(error) => tracing::debug!(%from, %error, "a TLS handshake failed"),
            }
        });
        while handshakes.try_join_next().is_some() {}
    }
}

async fn handshake(acceptor: TlsAcceptor, stream: TcpStream) -> io::Result<TlsStream<TcpStream>> {
    let shaken = tokio::time::timeout(HANDSHAKE, acceptor.accept(stream)).await;
    shaken.unwrap_or_else(|elapsed| Err(io::Error::from(elapsed)))
}
