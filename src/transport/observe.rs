//! What happens to every call alike: its deadline is read, its end is observed, and what ends it
//! without a reason is given one.
//!
//! Knows no RPC but by its name.

use std::collections::BTreeSet;
use std::fmt;
use std::panic::AssertUnwindSafe;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use futures_util::FutureExt as _;
use http_body::{Frame, SizeHint};
use prost::Message as _;
use prost_types::{FileDescriptorProto, FileDescriptorSet};
use tokio::time::Instant;
use tonic::body::Body;
use tonic::codegen::http::{HeaderMap, Request, Response};
use tonic::codegen::{BoxFuture, Service};
use tonic::{Code, Status};
use tower::Layer;

use super::deadline::{Deadline, TimedBody};
use super::status::unreadable;
use crate::domain::error::Error;

/// Is told of every call that has ended: the RPC such as `potts.v1.IssueService/CreateIssue`, or
/// `unknown`; the code of its status; and how long it took, streams to their end. It must be quick.
pub type Observer = Arc<dyn Fn(&str, Code, Duration) + Send + Sync>;

/// The name of all RPCs that there are not: names that callers invent would fill any metric.
const UNKNOWN: &str = "unknown";
/// The prefix of the paths that are ours.
const OURS: &str = "/potts.v1.";
/// Its request is a stream that may stay open.
const REFLECTION: &str = "/grpc.reflection.";

/// Puts [`Observed`] around a service.
#[derive(Clone)]
pub(super) struct Observe {
    rpcs: Arc<BTreeSet<String>>,
    observer: Observer,
}

impl Observe {
    /// Knows the RPCs of these encoded descriptors.
    pub fn new(descriptors: &[&[u8]], observer: Observer) -> Result<Observe, prost::DecodeError> {
        let mut rpcs = BTreeSet::new();
        for descriptors in descriptors {
            let FileDescriptorSet { file } = FileDescriptorSet::decode(*descriptors)?;
            rpcs.extend(file.iter().flat_map(names));
        }
        Ok(Observe { rpcs: Arc::new(rpcs), observer })
    }

    fn begin(&self, path: &str) -> Call {
        let known = path.strip_prefix('/').and_then(|rpc| self.rpcs.get(rpc));
        Call {
            rpc: known.cloned().unwrap_or_else(|| UNKNOWN.into()),
            code: Code::Cancelled,
            begun: Instant::now(),
            observer: Arc::clone(&self.observer),
        }
    }
}

/// The RPCs of a file, such as `potts.v1.IssueService/CreateIssue`.
fn names(file: &FileDescriptorProto) -> impl Iterator<Item = String> {
    let package = file.package();
    file.service.iter().flat_map(move |service| {
        let methods = service.method.iter();
        methods.map(move |method| format!("{package}.{}/{}", service.name(), method.name()))
    })
}

impl<S> Layer<S> for Observe {
    type Service = Observed<S>;

    fn layer(&self, inner: S) -> Observed<S> {
        Observed { observe: self.clone(), inner }
    }
}

/// A service whose calls are observed.
#[derive(Clone)]
pub(super) struct Observed<S> {
    observe: Observe,
    inner: S,
}

impl<S> fmt::Debug for Observed<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Observed").finish_non_exhaustive()
    }
}

impl<S> Service<Request<Body>> for Observed<S>
where
    S: Service<Request<Body>, Response = Response<Body>>,
    S::Future: Send + 'static,
{
    type Response = Response<Body>;
    type Error = S::Error;
    type Future = BoxFuture<Response<Body>, S::Error>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, mut request: Request<Body>) -> Self::Future {
        let path = request.uri().path();
        let (ours, streams) = (path.starts_with(OURS), path.starts_with(REFLECTION));
        let call = self.observe.begin(path);
        let deadline = Deadline::of(request.headers(), call.begun);
        if ours && deadline.0 <= call.begun {
            let response = Status::from(Error::DeadlinePassed).into_http();
            return Box::pin(async move { Ok(call.answered(response)) });
        }
        request.extensions_mut().insert(deadline);
        if !streams {
            request = request.map(|body| TimedBody::bound(body, deadline));
        }
        let answering = AssertUnwindSafe(self.inner.call(request)).catch_unwind();
        Box::pin(async move {
            let response = match answering.await {
                Ok(answered) => answered?,
                Err(panic) => panicked(&call.rpc, panic.as_ref()),
            };
            let response = if ours { reasoned(response) } else { response };
            Ok(call.answered(response))
        })
    }
}

/// A handler that panicked is a defect of ours, and hurts its own caller alone.
fn panicked(rpc: &str, panic: &(dyn std::any::Any + Send)) -> Response<Body> {
    let said = panic.downcast_ref::<&str>().copied();
    let said = said.or_else(|| panic.downcast_ref::<String>().map(String::as_str));
    let said = said.unwrap_or("no message");
    Status::from(Error::Internal(anyhow::anyhow!("{rpc} panicked: {said}"))).into_http()
}

/// Gives a reason to what tonic refuses by itself.
fn reasoned(response: Response<Body>) -> Response<Body> {
    if response.headers().contains_key(Status::GRPC_STATUS_DETAILS) {
        return response;
    }
    let refused = Status::from_header_map(response.headers());
    match refused.and_then(|status| unreadable(status.code(), status.message())) {
        Some(error) => Status::from(error).into_http(),
        None => response,
    }
}

/// A call that has begun. It ends when it is dropped: without a status, its caller went away.
struct Call {
    rpc: String,
    code: Code,
    begun: Instant,
    observer: Observer,
}

impl Call {
    /// A response whose end is the end of the call.
    fn answered(mut self, response: Response<Body>) -> Response<Body> {
        match code(response.headers()) {
            Some(code) => {
                self.code = code;
                response
            }
            None => response.map(|body| Body::new(ObservedBody { body, call: self })),
        }
    }
}

fn code(headers: &HeaderMap) -> Option<Code> {
    headers.get(Status::GRPC_STATUS).map(|status| Code::from_bytes(status.as_bytes()))
}

impl Drop for Call {
    fn drop(&mut self) {
        let Call { rpc, code, begun, observer } = self;
        let took = begun.elapsed();
        tracing::debug!(rpc.name = rpc, rpc.code = ?code, rpc.took = ?took, "a call ended");
        observer(rpc, *code, took);
    }
}

/// The body of a response; its trailers tell how the call ended.
struct ObservedBody {
    body: Body,
    call: Call,
}

impl http_body::Body for ObservedBody {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        let polled = Pin::new(&mut self.body).poll_frame(cx);
        if let Poll::Ready(Some(Ok(frame))) = &polled
            && let Some(code) = frame.trailers_ref().and_then(code)
        {
            self.call.code = code;
        }
        polled
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;
    use std::sync::Mutex;

    use tonic_types::StatusExt as _;

    use super::*;
    use crate::proto::DESCRIPTORS;

    type Seen = Arc<Mutex<Vec<(String, Code)>>>;

    fn observe() -> (Observe, Seen) {
        let seen = Seen::default();
        let observed = Arc::clone(&seen);
        let observer: Observer = Arc::new(move |rpc, code, _| {
            observed.lock().unwrap().push((rpc.into(), code));
        });
        (Observe::new(&[DESCRIPTORS], observer).unwrap(), seen)
    }

    /// A service that answers every call with what `answer` makes.
    #[derive(Clone)]
    struct Answer<F>(F);

    impl<F: Fn() -> Response<Body>> Service<Request<Body>> for Answer<F> {
        type Response = Response<Body>;
        type Error = Infallible;
        type Future = std::future::Ready<Result<Response<Body>, Infallible>>;

        fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
            Poll::Ready(Ok(()))
        }

        fn call(&mut self, _: Request<Body>) -> Self::Future {
            std::future::ready(Ok(self.0()))
        }
    }

    fn request(path: &str) -> Request<Body> {
        Request::builder().uri(path).body(Body::empty()).unwrap()
    }

    async fn answered(path: &str, status: Status) -> (Status, Vec<(String, Code)>) {
        let (observe, seen) = observe();
        let mut service = observe.layer(Answer(move || status.clone().into_http()));
        let response = service.call(request(path)).await.unwrap();
        let status = Status::from_header_map(response.headers()).unwrap();
        drop(response);
        let seen = std::mem::take(&mut *seen.lock().unwrap());
        (status, seen)
    }

    #[tokio::test]
    async fn calls_are_named_by_the_contract_alone() {
        let (_, seen) = answered("/potts.v1.IssueService/GetIssue", Status::aborted("")).await;
        assert_eq!(seen, [("potts.v1.IssueService/GetIssue".to_owned(), Code::Aborted)]);

        for path in ["/potts.v1.IssueService/Invented", "/", "/a/b", "/potts.v1.IssueService"] {
            let (_, seen) = answered(path, Status::unimplemented("")).await;
            assert_eq!(seen, [(UNKNOWN.to_owned(), Code::Unimplemented)], "{path}");
        }
    }

    #[tokio::test]
    async fn a_caller_that_goes_away_has_cancelled() {
        let (observe, seen) = observe();
        let mut service = observe.layer(Answer(|| Response::new(Body::new(Endless))));

        let response = service.call(request("/potts.v1.EventService/Subscribe")).await.unwrap();
        assert!(seen.lock().unwrap().is_empty(), "it has not ended");
        drop(response);

        assert_eq!(seen.lock().unwrap()[0].1, Code::Cancelled);
    }

    /// A body that says nothing and does not end.
    struct Endless;

    impl http_body::Body for Endless {
        type Data = Bytes;
        type Error = Status;

        fn poll_frame(
            self: Pin<&mut Self>,
            _: &mut Context<'_>,
        ) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
            Poll::Pending
        }
    }

    #[tokio::test]
    async fn what_tonic_cannot_read_is_refused_with_a_reason() {
        let path = "/potts.v1.IssueService/GetIssue";

        let (status, _) = answered(path, Status::out_of_range("too large")).await;
        let info = status.get_details_error_info().unwrap();
        assert_eq!((status.code(), &*info.reason), (Code::InvalidArgument, "FIELD_TOO_LARGE"));

        let (status, _) = answered(path, Status::internal("bad wire type")).await;
        let info = status.get_details_error_info().unwrap();
        assert_eq!((status.code(), &*info.reason), (Code::InvalidArgument, "FIELD_INVALID"));
    }

    #[tokio::test]
    async fn a_panic_is_an_internal_error_of_its_own_call() {
        #[derive(Clone)]
        struct Panics;

        impl Service<Request<Body>> for Panics {
            type Response = Response<Body>;
            type Error = Infallible;
            type Future = BoxFuture<Response<Body>, Infallible>;

            fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
                Poll::Ready(Ok(()))
            }

            fn call(&mut self, _: Request<Body>) -> Self::Future {
                Box::pin(async { panic!("a secret") })
            }
        }

        let (observe, seen) = observe();
        let mut service = observe.layer(Panics);

        let call = service.call(request("/potts.v1.IssueService/GetIssue"));
        let response = call.await.unwrap();

        let status = Status::from_header_map(response.headers()).unwrap();
        assert_eq!((status.code(), status.message()), (Code::Internal, "internal error"));
        assert_eq!(seen.lock().unwrap()[0].1, Code::Internal);
    }

    #[tokio::test]
    async fn a_deadline_that_has_passed_is_told_at_once() {
        let (observe, _) = observe();
        let mut service = observe.layer(Answer(|| panic!("must not be called")));
        let mut request = request("/potts.v1.IssueService/GetIssue");
        request.headers_mut().insert("grpc-timeout", "1m".parse().unwrap());

        let response = service.call(request).await.unwrap();

        let status = Status::from_header_map(response.headers()).unwrap();
        let info = status.get_details_error_info().unwrap();
        assert_eq!((status.code(), &*info.reason), (Code::DeadlineExceeded, "DEADLINE_PASSED"));
    }
}
