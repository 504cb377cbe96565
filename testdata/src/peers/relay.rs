//! A way to a peer that can be cut, so that a real server is gone for whoever goes this way, and back a moment later.

use std::io;
use std::net::{Ipv4Addr, Shutdown, TcpListener, TcpStream};
use std::sync::{Arc, Mutex, PoisonError};

/// Passes on whatever is sent to its address, until it is cut.
#[derive(Debug)]
pub struct Relay {
    address: String,
    way: Arc<Mutex<Way>>,
}

/// What is passed on now.
#[derive(Debug, Default)]
struct Way {
    cut: bool,
    streams: Vec<TcpStream>,
}

impl Relay {
    /// A relay to `HOST:PORT` of the loopback.
    pub fn to(target: &str) -> Self {
        let listener = match TcpListener::bind((Ipv4Addr::LOCALHOST, 0)) {
            Ok(listener) => listener,
            Err(error) => panic!("no port for a relay: {error}"),
        };
        let port = listener.local_addr().map_or(0, |address| address.port());
        let (target, way) = (target.to_owned(), Arc::<Mutex<Way>>::default());
        let passing = Arc::clone(&way);
        std::thread::spawn(move || {
            for client in listener.incoming().flatten() {
                // A client or a peer that hung up is none of our business.
                let _passed = pass(&client, &target, &passing);
            }
        });
        Self { address: format!("127.0.0.1:{port}"), way }
    }

    /// Where it listens, `127.0.0.1:PORT`.
    pub fn address(&self) -> &str {
        &self.address
    }

    /// From now on, and in the middle of what is under way, nothing comes through.
    pub fn cut(&self) {
        let mut way = self.way.lock().unwrap_or_else(PoisonError::into_inner);
        way.cut = true;
        for stream in way.streams.drain(..) {
            // It may be closed already.
            let _closed = stream.shutdown(Shutdown::Both);
        }
    }

    /// From now on everything comes through again.
    pub fn mend(&self) {
        self.way.lock().unwrap_or_else(PoisonError::into_inner).cut = false;
    }
}

fn pass(client: &TcpStream, target: &str, way: &Mutex<Way>) -> io::Result<()> {
    let mut way = way.lock().unwrap_or_else(PoisonError::into_inner);
    if way.cut {
        return Ok(());
    }
    let peer = TcpStream::connect(target)?;
    for (from, to) in [(client, &peer), (&peer, client)] {
        let (mut from, mut to) = (from.try_clone()?, to.try_clone()?);
        way.streams.push(from.try_clone()?);
        std::thread::spawn(move || {
            let _ended = io::copy(&mut from, &mut to);
            let _closed = to.shutdown(Shutdown::Write);
        });
    }
    Ok(())
}
