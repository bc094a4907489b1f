use std::path::Path;

use super::*;
use crate::cli::canned::{Canned, Ended, batch, caught_up, run, started};
use crate::cli::failure::Exit;
use crate::cli::{Caller, Command};

fn gone() -> Result<SubscribeResponse, Status> {
    Err(Status::unavailable("this server stops"))
}

/// The `seq`s of the lines.
fn seqs(ended: &Ended) -> Vec<i64> {
    let seq = |line: &str| match line.strip_prefix("{\"seq\":\"") {
        Some(rest) => rest.split('"').next().unwrap().parse().unwrap(),
        None => line.split_whitespace().nth(1).unwrap().parse().unwrap(),
    };
    ended.out.lines().map(seq).collect()
}

#[tokio::test]
async fn a_break_is_mended_without_losing_or_doubling_a_line() {
    let canned = Canned::subscribing([
        vec![gone()],
        vec![started("c0"), batch(&[1, 2]), gone()],
        vec![gone()],
        vec![started("c2"), batch(&[3]), batch(&[4, 5])],
        vec![started("c5"), batch(&[6]), caught_up("c7")],
    ]);

    let ended = run(&canned, &["tail", "--from-beginning", "--until-caught-up"]).await;

    ended.outcome.as_ref().unwrap();
    assert_eq!(seqs(&ended), [1, 2, 3, 4, 5, 6]);
    let starts: Vec<_> = canned.subscribed().into_iter().filter_map(|asked| asked.start).collect();
    let after = |cursor: &str| Start::After(cursor.into());
    let beginning = Start::FromBeginning(true);
    assert_eq!(starts, [beginning.clone(), beginning, after("c2"), after("c2"), after("c5")]);
    assert!(ended.err.contains("this server stops"), "{}", ended.err);
    assert!(ended.err.contains("subscribing after c2 in 0."), "{}", ended.err);
    assert!(ended.err.ends_with("potts: the last cursor is c7\n"), "{}", ended.err);
}

#[tokio::test]
async fn a_tail_from_now_resumes_where_it_began() {
    let canned = Canned::subscribing([
        vec![started("c8"), gone()],
        vec![started("c8"), batch(&[9]), caught_up("c9")],
    ]);

    let ended = run(&canned, &["tail", "--until-caught-up", "--json"]).await;

    ended.outcome.as_ref().unwrap();
    assert_eq!(ended.out, "{\"seq\":\"9\",\"type\":\"issue.created\"}\n");
    let starts: Vec<_> = canned.subscribed().into_iter().filter_map(|asked| asked.start).collect();
    assert_eq!(starts, [Start::FromNow(true), Start::After("c8".into())]);
}

#[tokio::test]
async fn a_refusal_ends_it_and_the_last_cursor_is_told() {
    let expired = Err(Status::out_of_range("the log begins later"));
    let canned = Canned::subscribing([vec![started("c1"), batch(&[2]), expired]]);

    let ended = run(&canned, &["tail", "--after", "c1"]).await;

    assert_eq!(ended.outcome.as_ref().unwrap_err().exit(), Exit::Refused);
    assert_eq!(seqs(&ended), [2]);
    assert_eq!(ended.err, "potts: the last cursor is c2\n");
}

async fn with_file(canned: &std::sync::Arc<Canned>, file: &Path) -> Ended {
    let file = file.to_str().unwrap();
    run(canned, &["tail", "--from-beginning", "--until-caught-up", "--cursor-file", file]).await
}

#[tokio::test]
async fn a_cursor_file_goes_on_where_it_was_left() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("cursor");
    let refused = || Err(Status::internal("out of order"));
    let canned = Canned::subscribing([
        vec![started("c0"), batch(&[1, 2]), refused()],
        vec![started("c2"), batch(&[3]), caught_up("c3")],
    ]);

    let first = with_file(&canned, &file).await;
    let kept = std::fs::read_to_string(&file).unwrap();
    let second = with_file(&canned, &file).await;

    assert!(first.outcome.is_err() && second.outcome.is_ok());
    assert_eq!((seqs(&first), seqs(&second)), (vec![1, 2], vec![3]));
    assert_eq!((kept.as_str(), std::fs::read_to_string(&file).unwrap().as_str()), ("c2\n", "c3\n"));
    assert_eq!(canned.subscribed()[1].start, Some(Start::After("c2".into())));
}

/// Takes so many bytes, then the reader is gone.
struct Closing(usize);

impl std::io::Write for Closing {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0 = self.0.checked_sub(bytes.len()).ok_or(std::io::ErrorKind::BrokenPipe)?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[test]
fn a_cursor_counts_only_when_its_lines_are_out() {
    use clap::Parser as _;
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("cursor");
    let line = ["potts", "tail", "--cursor-file", file.to_str().unwrap()];
    let command = crate::cli::Cli::parse_from(line).command;
    let Command::Caller(caller) = command else { panic!("not a call") };
    let Caller::Tail(tail) = *caller else { panic!("not a tail") };
    let mut follower = Follower::new(tail).unwrap();
    let (mut out, mut err) = (Closing(60), Vec::new());
    let mut output = Output { out: &mut out, err: &mut err };

    follower.take(&mut output, batch(&[1]).unwrap()).unwrap();
    let failure = follower.take(&mut output, batch(&[2, 3]).unwrap()).unwrap_err();

    assert!(matches!(failure, Failure::Output(_)), "{failure:?}");
    assert_eq!(follower.cursor.as_deref(), Some("c1"));
    assert_eq!(std::fs::read_to_string(&file).unwrap(), "c1\n");
}

#[tokio::test]
async fn the_filter_is_sent() {
    let canned = Canned::subscribing([vec![started("c0"), caught_up("c0")]]);
    let line = ["tail", "--until-caught-up", "--project", "abc,-", "--type", "issue.*"];
    let line = [&line[..], &["--subject", "ABC-1", "--subject", "projects/abc"]].concat();

    run(&canned, &line).await.outcome.unwrap();

    let asked = canned.subscribed().remove(0);
    let filter = asked.filter.unwrap();
    assert_eq!(filter.projects, ["projects/abc", "projects/-"]);
    assert_eq!((filter.types, filter.subjects.len()), (vec!["issue.*".to_owned()], 2));
    assert!(asked.stop_when_caught_up);
}

/// Tells of each write as it comes.
struct Telling(std::sync::mpsc::Sender<String>);

impl std::io::Write for Telling {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.send(String::from_utf8(bytes.to_vec()).unwrap()).unwrap();
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// Serves with a runtime of its own: dropping it cuts every connection, as a kill does.
fn serve(
    canned: std::sync::Arc<Canned>,
    address: std::net::SocketAddr,
) -> (tokio::runtime::Runtime, std::net::SocketAddr) {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let listener = runtime.block_on(async {
        let socket = tokio::net::TcpSocket::new_v4().unwrap();
        socket.set_reuseaddr(true).unwrap();
        socket.bind(address).unwrap();
        socket.listen(8).unwrap()
    });
    let address = listener.local_addr().unwrap();
    runtime.spawn(async move { crate::cli::canned::serve_on(&canned, listener).await });
    (runtime, address)
}

/// Goal: a service that is killed, and comes back, costs no line and doubles none.
#[test]
fn a_cut_connection_is_mended_too() {
    use clap::Parser as _;
    let first = Canned::staying_open(vec![started("c0"), batch(&[1])]);
    let second = Canned::subscribing([vec![started("c1"), batch(&[2]), caught_up("c2")]]);
    let (server, address) = serve(first, "127.0.0.1:0".parse().unwrap());
    let (telling, told) = std::sync::mpsc::channel();
    let line = ["potts", "tail", "--until-caught-up", "--json", "--address", &address.to_string()];
    let command = crate::cli::Cli::parse_from(line).command;
    let Command::Caller(caller) = command else { panic!("not a call") };
    let Caller::Tail(tail) = *caller else { panic!("not a tail") };

    let tailing = std::thread::spawn(move || {
        let mut err = Vec::new();
        let mut output = Output { out: &mut Telling(telling), err: &mut err };
        let runtime = tokio::runtime::Runtime::new().unwrap();
        let outcome = runtime.block_on(tail.run(&mut output));
        (outcome, String::from_utf8(err).unwrap())
    });
    let before = told.recv().unwrap();
    // Waits until all is closed, the listener too.
    server.shutdown_timeout(Duration::from_secs(30));
    let (again, _) = serve(second.clone(), address);
    let (outcome, err) = tailing.join().unwrap();

    outcome.unwrap();
    assert!(err.contains("potts: the connection broke: "), "{err}");
    let lines: Vec<String> = std::iter::once(before).chain(told.try_iter()).collect();
    let line = |seq| format!("{{\"seq\":\"{seq}\",\"type\":\"issue.created\"}}\n");
    assert_eq!(lines, [line(1), line(2)]);
    assert_eq!(second.subscribed()[0].start, Some(Start::After("c1".into())));
    again.shutdown_background();
}
