//! A proxy in front of PostgreSQL that breaks when it is told to.
//!
//! It listens on a unix socket of its own and forwards bytes. Words of a statement are looked for
//! in what a client sends, so that a connection can be cut at a certain statement.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::{TcpStream, UnixListener, UnixStream};
use tokio::sync::watch;
use tokio::task::JoinHandle;

/// Where a connection is cut, seen from a statement.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cut {
    /// The server never sees it.
    Before,
    /// The server gets it, and nobody waits for what becomes of it.
    Within,
    /// The server has carried it out and answered; the client never hears of it.
    After,
}

/// Cuts the connection whose client sends these words.
#[derive(Clone, Copy, Debug)]
pub struct Trap {
    /// What to look for, in the text of a statement. A simple statement ends with `\0`.
    pub words: &'static str,
    /// Where to cut.
    pub cut: Cut,
    /// Whether no connection is let in from then on.
    pub then_refuse: bool,
}

/// Where PostgreSQL's clients look in a folder.
const SOCKET: &str = ".s.PGSQL.5432";
/// A commit of a lane: the simple statement, with the byte that ends it.
pub const COMMIT: &str = "commit\0";

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mode {
    Through,
    Frozen,
    Refusing,
}

#[derive(Debug)]
struct Shared {
    mode: watch::Sender<Mode>,
    cuts: watch::Sender<u64>,
    traps: Mutex<VecDeque<Trap>>,
}

#[derive(Clone, Debug)]
enum Upstream {
    Unix(String),
    Tcp(String),
}

/// The proxy. Dropped, it lets nobody in and cuts everybody off.
#[derive(Debug)]
pub struct Proxy {
    /// The database, through the proxy.
    pub url: String,
    shared: Arc<Shared>,
    accepting: JoinHandle<()>,
    dir: tempfile::TempDir,
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.accepting.abort();
        self.cut();
    }
}

impl Proxy {
    /// In front of the database of a URL.
    pub async fn start(url: &str) -> Proxy {
        let dir = tempfile::tempdir().unwrap();
        let (upstream, url) = through(url, &dir.path().to_string_lossy());
        let listener = UnixListener::bind(dir.path().join(SOCKET)).unwrap();
        let shared = Arc::new(Shared {
            mode: watch::Sender::new(Mode::Through),
            cuts: watch::Sender::new(0),
            traps: Mutex::default(),
        });
        let accepting = tokio::spawn(accept(listener, upstream, Arc::clone(&shared)));
        Proxy { url, shared, accepting, dir }
    }

    /// Where it listens.
    pub fn socket(&self) -> std::path::PathBuf {
        self.dir.path().join(SOCKET)
    }

    /// Cuts every connection off.
    pub fn cut(&self) {
        self.shared.cuts.send_modify(|cuts| *cuts += 1);
    }

    /// The database is away: every connection is cut, new ones are refused.
    pub fn refuse(&self) {
        self.shared.mode.send_replace(Mode::Refusing);
        self.cut();
    }

    /// Nothing moves any more, and nothing ends; new connections are taken and not answered.
    pub fn freeze(&self) {
        self.shared.mode.send_replace(Mode::Frozen);
    }

    /// The database is back.
    pub fn forward(&self) {
        self.shared.mode.send_replace(Mode::Through);
    }

    /// Sets traps, of which each springs once, in this order.
    pub fn trap(&self, traps: impl IntoIterator<Item = Trap>) {
        self.shared.traps.lock().unwrap().extend(traps);
    }

    /// How many traps have not sprung yet.
    pub fn traps(&self) -> usize {
        self.shared.traps.lock().unwrap().len()
    }
}

impl Shared {
    /// The trap that these bytes spring, if any.
    fn sprung(&self, bytes: &[u8]) -> Option<Trap> {
        let mut traps = self.traps.lock().unwrap();
        let words = traps.front()?.words.as_bytes();
        bytes.windows(words.len()).any(|window| window == words).then(|| traps.pop_front())?
    }

    async fn thaw(&self) {
        let mut mode = self.mode.subscribe();
        mode.wait_for(|mode| *mode != Mode::Frozen).await.unwrap();
    }
}

/// Where a URL leads, and the same through a socket in `dir`.
fn through(url: &str, dir: &str) -> (Upstream, String) {
    let (address, query) = url.split_once('?').unwrap_or((url, ""));
    let rest = address.split_once("://").unwrap().1;
    let (user, place) = rest.split_once('@').unwrap_or(("", rest));
    let (host, database) = place.split_once('/').unwrap();
    let socket = query.split('&').find_map(|pair| pair.strip_prefix("host="));
    let upstream = match socket {
        Some(dir) => Upstream::Unix(format!("{}/.s.PGSQL.5432", decoded(dir))),
        None if host.contains(':') => Upstream::Tcp(host.to_owned()),
        None => Upstream::Tcp(format!("{host}:5432")),
    };
    let dir = dir.replace('/', "%2F");
    (upstream, format!("postgres://{user}@/{database}?host={dir}&port=5432"))
}

fn decoded(text: &str) -> String {
    let mut parts = text.split('%');
    let mut bytes = parts.next().unwrap().as_bytes().to_vec();
    for part in parts {
        let (code, rest) = part.split_at(2);
        bytes.push(u8::from_str_radix(code, 16).unwrap());
        bytes.extend_from_slice(rest.as_bytes());
    }
    String::from_utf8(bytes).unwrap()
}

async fn accept(listener: UnixListener, upstream: Upstream, shared: Arc<Shared>) {
    while let Ok((client, _)) = listener.accept().await {
        if *shared.mode.borrow() == Mode::Refusing {
            continue;
        }
        let (shared, upstream) = (Arc::clone(&shared), upstream.clone());
        tokio::spawn(async move {
            let mut cuts = shared.cuts.subscribe();
            tokio::select! {
                _ = cuts.changed() => (),
                () = connect(&shared, client, upstream) => (),
            }
        });
    }
}

async fn connect(shared: &Shared, client: UnixStream, upstream: Upstream) {
    match upstream {
        Upstream::Unix(path) => {
            let Ok(server) = UnixStream::connect(path).await else { return };
            talk(shared, client, server).await;
        }
        Upstream::Tcp(addr) => {
            let Ok(server) = TcpStream::connect(addr).await else { return };
            talk(shared, client, server).await;
        }
    }
}

/// Forwards in both directions until one side ends or a trap springs.
async fn talk(shared: &Shared, client: UnixStream, server: impl AsyncRead + AsyncWrite) {
    let (mut from_client, mut to_client) = tokio::io::split(client);
    let (mut from_server, mut to_server) = tokio::io::split(server);
    let answered = tokio::sync::Notify::new();
    let is_mute = std::sync::atomic::AtomicBool::new(false);
    let up = async {
        let mut bytes = vec![0; 64 * 1024];
        loop {
            let Ok(read @ 1..) = from_client.read(&mut bytes).await else { return };
            shared.thaw().await;
            let trap = shared.sprung(&bytes[..read]);
            if trap.is_some_and(|trap| trap.then_refuse) {
                shared.mode.send_replace(Mode::Refusing);
            }
            let cut = trap.map(|trap| trap.cut);
            if cut == Some(Cut::Before) {
                return;
            }
            is_mute.store(cut == Some(Cut::After), std::sync::atomic::Ordering::SeqCst);
            if to_server.write_all(&bytes[..read]).await.is_err() || cut == Some(Cut::Within) {
                return;
            }
            if cut == Some(Cut::After) {
                return answered.notified().await;
            }
        }
    };
    let down = async {
        let mut bytes = vec![0; 64 * 1024];
        loop {
            let Ok(read @ 1..) = from_server.read(&mut bytes).await else { return };
            shared.thaw().await;
            if is_mute.load(std::sync::atomic::Ordering::SeqCst) {
                return answered.notify_one();
            }
            if to_client.write_all(&bytes[..read]).await.is_err() {
                return;
            }
        }
    };
    tokio::select! {
        () = up => (),
        () = down => (),
    }
}
