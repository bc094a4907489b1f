//! The HTTP listener for those who run the service: is it alive, is it ready, how does it do.
//!
//! Knows no room: what it answers is handed in.

use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::Router;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::serve::{Listener, ListenerExt as _};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, Sleep, sleep};
use tokio_util::sync::CancellationToken;

/// Connections at a time; others wait to be accepted. Probes need a handful.
const CONNECTIONS_MAX: usize = 128;
/// A connection that says nothing for so long is closed. Less would cut scrapers that come back.
const SILENCE_MAX: Duration = Duration::from_secs(75);
/// No connection lives longer, however slowly it speaks.
const AGE_MAX: Duration = Duration::from_secs(15 * 60);
/// The text format of `OpenMetrics` 1.0.0.
const OPEN_METRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// What is asked of the service.
pub trait Probe: Send + Sync + 'static {
    /// Why calls cannot be served now, in a line; none: they can.
    fn unready(&self) -> Option<String>;

    /// Everything that is counted, as `OpenMetrics` text.
    fn metrics(&self) -> String;
}

/// Serves `/healthz`, `/readyz` and `/metrics` until `stopping`.
pub async fn serve(
    listener: TcpListener,
    probe: Arc<dyn Probe>,
    stopping: CancellationToken,
) -> io::Result<()> {
    let router = Router::new()
        .route("/healthz", get(async || "ok\n"))
        .route("/readyz", get(readyz))
        .route("/metrics", get(metrics))
        .with_state(probe);
    let listener = listener.tap_io(|stream| {
        // Without it an answer may wait 40 ms; that is no reason to refuse the connection.
        stream.set_nodelay(true).ok();
    });
    let bounded = Bounded { listener, connections: Arc::new(Semaphore::new(CONNECTIONS_MAX)) };
    axum::serve(bounded, router).with_graceful_shutdown(stopping.cancelled_owned()).await
}

async fn readyz(State(probe): State<Arc<dyn Probe>>) -> Response {
    match probe.unready() {
        None => "ready\n".into_response(),
        Some(why) => (StatusCode::SERVICE_UNAVAILABLE, format!("{why}\n")).into_response(),
    }
}

async fn metrics(State(probe): State<Arc<dyn Probe>>) -> Response {
    ([(header::CONTENT_TYPE, OPEN_METRICS)], probe.metrics()).into_response()
}

/// A listener of a bounded number of connections, each of bounded silence and age.
struct Bounded<L> {
    listener: L,
    connections: Arc<Semaphore>,
}

impl<L: Listener<Io = TcpStream, Addr = SocketAddr>> Listener for Bounded<L> {
    type Io = BoundedIo<TcpStream>;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Self::Io, SocketAddr) {
        let permit = Arc::clone(&self.connections).acquire_owned().await;
        let permit = permit.expect("nobody closes the semaphore");
        let (stream, addr) = self.listener.accept().await;
        (BoundedIo::new(stream, Some(permit)), addr)
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }
}

/// A connection that fails when nothing was read for too long, or when it is too old.
struct BoundedIo<S> {
    stream: S,
    silence: Pin<Box<Sleep>>,
    age: Pin<Box<Sleep>>,
    _permit: Option<OwnedSemaphorePermit>,
}

impl<S> BoundedIo<S> {
    fn new(stream: S, permit: Option<OwnedSemaphorePermit>) -> BoundedIo<S> {
        let (silence, age) = (Box::pin(sleep(SILENCE_MAX)), Box::pin(sleep(AGE_MAX)));
        BoundedIo { stream, silence, age, _permit: permit }
    }

    /// Whether it has had its time. Wakes the task when that comes.
    fn poll_over(&mut self, cx: &mut Context<'_>) -> Poll<io::Error> {
        let over =
            self.silence.as_mut().poll(cx).is_ready() || self.age.as_mut().poll(cx).is_ready();
        match over {
            true => Poll::Ready(io::ErrorKind::TimedOut.into()),
            false => Poll::Pending,
        }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for BoundedIo<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        match Pin::new(&mut self.stream).poll_read(cx, buf) {
            Poll::Ready(read) => {
                self.silence.as_mut().reset(Instant::now() + SILENCE_MAX);
                Poll::Ready(read)
            }
            Poll::Pending => self.poll_over(cx).map(Err),
        }
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for BoundedIo<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        match Pin::new(&mut self.stream).poll_write(cx, bytes) {
            Poll::Ready(written) => Poll::Ready(written),
            Poll::Pending => self.poll_over(cx).map(Err),
        }
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicBool, Ordering};

    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

    use super::*;

    #[derive(Default)]
    struct Fake {
        ready: AtomicBool,
    }

    impl Probe for Fake {
        fn unready(&self) -> Option<String> {
            (!self.ready.load(Ordering::Relaxed)).then(|| "no database".into())
        }

        fn metrics(&self) -> String {
            "# EOF\n".into()
        }
    }

    struct App {
        addr: SocketAddr,
        probe: Arc<Fake>,
        stopping: CancellationToken,
        served: tokio::task::JoinHandle<io::Result<()>>,
    }

    #[expect(clippy::disallowed_methods, reason = "a test watches its own task")]
    async fn start() -> App {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let addr = listener.local_addr().unwrap();
        let (probe, stopping) = (Arc::new(Fake::default()), CancellationToken::new());
        let served = tokio::spawn(serve(listener, probe.clone(), stopping.clone()));
        App { addr, probe, stopping, served }
    }

    impl App {
        /// The status line, and the whole answer.
        async fn ask(&self, method: &str, path: &str) -> (String, String) {
            let mut stream = TcpStream::connect(self.addr).await.unwrap();
            let request =
                format!("{method} {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n");
            stream.write_all(request.as_bytes()).await.unwrap();
            let mut answer = String::new();
            stream.read_to_string(&mut answer).await.unwrap();
            (answer.lines().next().unwrap().to_owned(), answer)
        }
    }

    #[tokio::test]
    async fn the_three_questions_are_answered_and_no_others() {
        let app = start().await;

        assert_eq!(app.ask("GET", "/healthz").await.0, "HTTP/1.1 200 OK");
        let (status, answer) = app.ask("GET", "/readyz").await;
        assert_eq!(status, "HTTP/1.1 503 Service Unavailable");
        assert!(answer.ends_with("no database\n"), "{answer}");
        app.probe.ready.store(true, Ordering::Relaxed);
        assert_eq!(app.ask("GET", "/readyz").await.0, "HTTP/1.1 200 OK");

        let (status, answer) = app.ask("GET", "/metrics").await;
        assert_eq!(status, "HTTP/1.1 200 OK");
        assert!(answer.contains(OPEN_METRICS) && answer.ends_with("# EOF\n"), "{answer}");

        let (status, answer) = app.ask("HEAD", "/healthz").await;
        assert!(status.ends_with("200 OK") && answer.ends_with("\r\n\r\n"), "{answer}");
        assert_eq!(app.ask("GET", "/").await.0, "HTTP/1.1 404 Not Found");
        assert_eq!(app.ask("POST", "/healthz").await.0, "HTTP/1.1 405 Method Not Allowed");
    }

    #[tokio::test]
    async fn it_stops_when_it_is_asked_to() {
        let app = start().await;
        app.ask("GET", "/healthz").await;

        app.stopping.cancel();

        app.served.await.unwrap().unwrap();
    }

    #[tokio::test(start_paused = true)]
    async fn a_connection_that_says_nothing_is_closed() {
        let (mut caller, served) = tokio::io::duplex(64);
        let mut served = BoundedIo::new(served, None);
        let mut buf = [0; 8];

        caller.write_all(b"x").await.unwrap();
        assert_eq!(served.read(&mut buf).await.unwrap(), 1);
        let before = Instant::now();
        let error = served.read(&mut buf).await.unwrap_err();

        assert_eq!(error.kind(), io::ErrorKind::TimedOut);
        assert_eq!(before.elapsed().as_secs(), SILENCE_MAX.as_secs());
    }
}
