//! A receiver of HTTP requests in this process, on a socket of its own: it keeps what it was sent, and answers as told.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// How long a test waits for what it expects before it fails.
const PATIENCE: Duration = Duration::from_mins(1);

/// One request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Received {
    /// Such as `POST`.
    pub method: String,
    /// With the query.
    pub path: String,
    /// By their names in lower case.
    pub headers: BTreeMap<String, String>,
    /// All of it.
    pub body: Vec<u8>,
}

impl Received {
    /// The value of a header, empty when it is not there.
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", String::as_str)
    }

    /// The body as JSON.
    pub fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body).unwrap_or_default()
    }
}

/// What a request is answered.
#[derive(Debug, Clone, Default)]
pub struct Reply {
    status: u16,
    headers: Vec<(&'static str, String)>,
    body: String,
    hangs: bool,
}

impl Reply {
    /// That status and nothing else.
    pub fn status(status: u16) -> Self {
        Self { status, ..Self::default() }
    }

    /// Nothing at all, until the other end has had enough.
    pub fn hang() -> Self {
        Self { hangs: true, ..Self::default() }
    }

    /// The same with a header.
    #[must_use]
    pub fn with(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }

    /// The same with a body.
    #[must_use]
    pub fn saying(self, body: impl Into<String>) -> Self {
        Self { body: body.into(), ..self }
    }
}

type Answers = dyn Fn(&Received) -> Reply + Send + Sync;

/// A receiver. It listens until the process ends. Clones are the same.
#[derive(Debug, Clone)]
pub struct Receiver {
    address: String,
    seen: Arc<Seen>,
}

#[derive(Debug, Default)]
struct Seen {
    requests: Mutex<Vec<Received>>,
    another: Condvar,
}

impl Seen {
    fn requests(&self) -> MutexGuard<'_, Vec<Received>> {
        self.requests.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Receiver {
    /// Listens on the loopback and answers every request with what `answers` makes of it.
    pub fn start(answers: impl Fn(&Received) -> Reply + Send + Sync + 'static) -> Self {
        let listener = match TcpListener::bind("127.0.0.1:0") {
            Ok(listener) => listener,
            Err(error) => panic!("cannot listen: {error}"),
        };
        let address = listener.local_addr().map(|address| address.to_string()).unwrap_or_default();
        let seen = Arc::new(Seen::default());
        let (answers, kept): (Arc<Answers>, _) = (Arc::new(answers), Arc::clone(&seen));
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (answers, seen) = (Arc::clone(&answers), Arc::clone(&kept));
                std::thread::spawn(move || serve(&stream, &seen, &*answers));
            }
        });
        Self { address, seen }
    }

    /// Where it listens, `127.0.0.1:PORT`.
    pub fn address(&self) -> &str {
        &self.address
    }

    /// An address of it, plain HTTP.
    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// What it was sent so far, in the order in which it was answered.
    pub fn seen(&self) -> Vec<Received> {
        self.seen.requests().clone()
    }

    /// Waits until what it was sent is `enough`, and answers it.
    #[track_caller]
    pub fn wait(&self, enough: impl Fn(&[Received]) -> bool) -> Vec<Received> {
        let deadline = Instant::now() + PATIENCE;
        let mut requests = self.seen.requests();
        while !enough(&requests) {
            let left = deadline.saturating_duration_since(Instant::now());
            assert!(!left.is_zero(), "it was sent only this: {requests:?}");
            let waited = self.seen.another.wait_timeout(requests, left);
            requests = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
        requests.clone()
    }
}

fn serve(stream: &TcpStream, seen: &Seen, answers: &Answers) {
    let Some(request) = read(stream) else { return };
    let reply = answers(&request);
    seen.requests().push(request);
    seen.another.notify_all();
    if reply.hangs {
        // Until the other end closes.
        let _closed = BufReader::new(stream).read(&mut [0]);
        return;
    }
    let mut head = format!("HTTP/1.1 {} Told\r\nconnection: close\r\n", reply.status);
    for (name, value) in &reply.headers {
        head = format!("{head}{name}: {value}\r\n");
    }
    let answer = format!("{head}content-length: {}\r\n\r\n{}", reply.body.len(), reply.body);
    let mut stream = stream;
    // The other end may be gone.
    let _gone = stream.write_all(answer.as_bytes());
}

fn read(stream: &TcpStream) -> Option<Received> {
    let mut reader = BufReader::new(stream);
    let mut line = String::new();
    reader.read_line(&mut line).ok()?;
    let mut words = line.split_whitespace();
    let (method, path) = (words.next()?.to_owned(), words.next()?.to_owned());
    let mut headers = BTreeMap::new();
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).ok()?;
        let Some((name, value)) = line.split_once(':') else { break };
        headers.insert(name.to_ascii_lowercase(), value.trim().to_owned());
    }
    let length = headers.get("content-length").and_then(|length| length.parse().ok());
    let mut body = vec![0; length.unwrap_or(0)];
    reader.read_exact(&mut body).ok()?;
    Some(Received { method, path, headers, body })
}
