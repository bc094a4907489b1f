//! Archives of the log: what a partition held, in a file that any tool can read.
//!
//! Zstandard (RFC 8878) around encoded `potts.v1.Event` messages in the order of `seq`, each behind
//! its length as a varint, as the delimited format of Protocol Buffers has it. A file holds all
//! events of its stretch, whoever may see them.

use std::ffi::OsString;
use std::fmt::Write as _;
use std::fs::{self, File};
use std::io::{self, BufReader, BufWriter, Read, Write};
use std::os::unix::ffi::OsStringExt as _;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail, ensure};
use bytes::Bytes;
use prost::encoding::encode_varint;
use sha2::{Digest as _, Sha256};
use uuid::Uuid;

use crate::domain::event::Seq;
use crate::stream::with_seq;

/// The fast level that everybody knows: more makes the database wait for the export.
const LEVEL: i32 = 3;
/// No event is nearly as large. Whoever reads a file that is none does not fill the memory.
const EVENT_BYTES_MAX: usize = 16 << 20;

/// How the address of a file begins.
const SCHEME: &str = "file://";

/// What an archive holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Contents {
    /// The first event and the last one; none in a file without events.
    pub stretch: Option<(Seq, Seq)>,
    /// How many there are.
    pub events: i64,
    /// What the file hashes to.
    pub sha256: [u8; 32],
}

/// Passes bytes on, and hashes them.
struct Hashing<T> {
    inner: T,
    hash: Sha256,
}

impl<T> Hashing<T> {
    fn new(inner: T) -> Hashing<T> {
        Hashing { inner, hash: Sha256::new() }
    }
}

impl<T: Write> Write for Hashing<T> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.inner.write(bytes)?;
        self.hash.update(bytes.get(..written).unwrap_or(bytes));
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.inner.flush()
    }
}

impl<T: Read> Read for Hashing<T> {
    fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        let read = self.inner.read(bytes)?;
        self.hash.update(bytes.get(..read).unwrap_or(bytes));
        Ok(read)
    }
}

/// The places of events that follow each other.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Stretch {
    ends: Option<(Seq, Seq)>,
    events: i64,
}

impl Stretch {
    fn add(&mut self, seq: Seq) -> anyhow::Result<()> {
        let first = match self.ends {
            Some((_, last)) if seq != last.next() => bail!("{seq} follows {last}"),
            Some((first, _)) => first,
            None => seq,
        };
        self.ends = Some((first, seq));
        self.events += 1;
        Ok(())
    }
}

/// An archive in the making, under a name of its own until it is whole.
pub struct Writer {
    path: PathBuf,
    unfinished: PathBuf,
    encoder: zstd::Encoder<'static, Hashing<BufWriter<File>>>,
    stretch: Stretch,
}

impl std::fmt::Debug for Writer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Writer").field("path", &self.path).finish_non_exhaustive()
    }
}

impl Writer {
    /// Begins the archive of that name in a folder, and removes what others have begun of it.
    pub fn create(folder: &Path, name: &str) -> anyhow::Result<Writer> {
        fs::create_dir_all(folder).with_context(|| cannot("create", folder))?;
        for entry in fs::read_dir(folder).with_context(|| cannot("read", folder))? {
            let begun = entry?.file_name().to_string_lossy().into_owned();
            if begun.starts_with(&format!("{name}.")) && begun.ends_with(".tmp") {
                fs::remove_file(folder.join(&begun)).with_context(|| cannot("remove", folder))?;
            }
        }
        let unfinished = folder.join(format!("{name}.{}.tmp", Uuid::new_v4()));
        let file = File::create_new(&unfinished).with_context(|| cannot("create", &unfinished))?;
        let mut encoder = zstd::Encoder::new(Hashing::new(BufWriter::new(file)), LEVEL)?;
        encoder.include_checksum(true)?;
        Ok(Writer { path: folder.join(name), unfinished, encoder, stretch: Stretch::default() })
    }

    /// Adds the next event: its place, and its body without it.
    pub fn push(&mut self, seq: Seq, body: &[u8]) -> anyhow::Result<()> {
        self.stretch.add(seq).context("the log is not dense")?;
        let event = with_seq(seq, body);
        let mut length = Vec::with_capacity(10);
        encode_varint(u64::try_from(event.len())?, &mut length);
        self.encoder.write_all(&length)?;
        Ok(self.encoder.write_all(&event)?)
    }

    /// Makes it durable, gives it its name, and reads it back. Answers where it is and what it
    /// holds.
    pub fn finish(self) -> anyhow::Result<(PathBuf, Contents)> {
        let Writer { path, unfinished, encoder, stretch } = self;
        let mut hashing = encoder.finish()?;
        hashing.flush()?;
        let file = hashing.inner.into_inner().map_err(io::IntoInnerError::into_error)?;
        file.sync_all()?;
        let Stretch { ends, events } = stretch;
        let written = Contents { stretch: ends, events, sha256: hashing.hash.finalize().into() };
        // What cannot be read back never gets the name of an archive.
        let read = verify(&unfinished)?;
        ensure!(read == written, "{} is not what was written", unfinished.display());
        fs::rename(&unfinished, &path).with_context(|| cannot("rename", &unfinished))?;
        if let Some(folder) = path.parent() {
            File::open(folder)?.sync_all().with_context(|| cannot("flush", folder))?;
        }
        Ok((path, written))
    }
}

fn cannot(verb: &str, path: &Path) -> String {
    format!("cannot {verb} {}", path.display())
}

/// The events of an archive, in order.
pub struct Reader {
    decoder: BufReader<zstd::Decoder<'static, BufReader<Hashing<File>>>>,
}

impl std::fmt::Debug for Reader {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Reader")
    }
}

impl Reader {
    /// Opens an archive.
    pub fn open(path: &Path) -> anyhow::Result<Reader> {
        let file = File::open(path).with_context(|| cannot("open", path))?;
        let decoder = zstd::Decoder::new(Hashing::new(file))?;
        Ok(Reader { decoder: BufReader::new(decoder) })
    }

    /// The next event, as it was sent to readers; none at the end.
    pub fn next_event(&mut self) -> anyhow::Result<Option<Bytes>> {
        let Some(length) = self.length()? else { return Ok(None) };
        ensure!(length <= EVENT_BYTES_MAX, "an event of {length} bytes is none");
        let mut event = vec![0; length];
        self.decoder.read_exact(&mut event).context("the last event is cut off")?;
        Ok(Some(event.into()))
    }

    fn length(&mut self) -> anyhow::Result<Option<usize>> {
        let mut length = 0_u64;
        for shift in (0..64).step_by(7) {
            let mut byte = [0];
            if self.decoder.read(&mut byte)? == 0 {
                ensure!(shift == 0, "the length of the last event is cut off");
                return Ok(None);
            }
            let [byte] = byte;
            length |= u64::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                return Ok(Some(usize::try_from(length)?));
            }
        }
        bail!("the length of an event does not end")
    }

    /// What the whole file hashes to, once all of it was read.
    fn hash(self) -> anyhow::Result<[u8; 32]> {
        let mut file = self.decoder.into_inner().finish();
        io::copy(&mut file, &mut io::sink())?;
        Ok(file.into_inner().hash.finalize().into())
    }
}

/// The place of an encoded event: the field that stands in front.
pub fn place(event: &[u8]) -> anyhow::Result<Seq> {
    let mut rest = event;
    let (tag, _) = prost::encoding::decode_key(&mut rest)?;
    ensure!(tag == 1, "an event does not begin with its place");
    let seq = prost::encoding::decode_varint(&mut rest)?;
    Ok(Seq(seq.cast_signed()))
}

/// Reads an archive from beginning to end: whether it is whole, and what it holds.
pub fn verify(path: &Path) -> anyhow::Result<Contents> {
    let read = || -> anyhow::Result<Contents> {
        let mut reader = Reader::open(path)?;
        let mut stretch = Stretch::default();
        while let Some(event) = reader.next_event()? {
            stretch.add(place(&event)?)?;
        }
        let Stretch { ends, events } = stretch;
        Ok(Contents { stretch: ends, events, sha256: reader.hash()? })
    };
    read().with_context(|| format!("{} is no whole archive of the log", path.display()))
}

/// The URI of a file (RFC 8089): what is not plain in a path is written by its bytes.
pub fn uri_of(path: PathBuf) -> String {
    let mut uri = String::from(SCHEME);
    for byte in path.into_os_string().into_vec() {
        if byte.is_ascii_alphanumeric() || b"/-_.~".contains(&byte) {
            uri.push(char::from(byte));
        } else {
            // Writing to a string cannot fail.
            let _never_fails = write!(uri, "%{byte:02X}");
        }
    }
    uri
}

/// The file of a URI that [`uri_of`] made.
pub fn path_of(uri: &str) -> Option<PathBuf> {
    let mut parts = uri.strip_prefix(SCHEME)?.split('%');
    let mut path = parts.next()?.as_bytes().to_vec();
    for part in parts {
        let (byte, rest) = part.split_at_checked(2)?;
        path.push(u8::from_str_radix(byte, 16).ok()?);
        path.extend(rest.as_bytes());
    }
    Some(OsString::from_vec(path).into())
}

#[cfg(test)]
mod tests {
    use prost::Message as _;

    use super::*;
    use crate::proto;

    fn body(subject: &str) -> Vec<u8> {
        proto::Event { subject: subject.into(), ..Default::default() }.encode_to_vec()
    }

    fn written(folder: &Path, events: std::ops::RangeInclusive<i64>) -> (PathBuf, Contents) {
        let mut writer = Writer::create(folder, "events").unwrap();
        for seq in events {
            writer.push(Seq(seq), &body(&"x".repeat(usize::try_from(seq).unwrap()))).unwrap();
        }
        writer.finish().unwrap()
    }

    #[test]
    fn what_is_written_is_read_in_order() {
        let folder = tempfile::tempdir().unwrap();

        let (path, contents) = written(folder.path(), 5..=300);

        assert_eq!((contents.stretch, contents.events), (Some((Seq(5), Seq(300))), 296));
        assert_eq!(contents.sha256[..], Sha256::digest(fs::read(&path).unwrap())[..]);
        assert_eq!(verify(&path).unwrap(), contents);
        let mut reader = Reader::open(&path).unwrap();
        for seq in 5..=300_i64 {
            let event = proto::Event::decode(reader.next_event().unwrap().unwrap()).unwrap();
            assert_eq!((event.seq, event.subject.len()), (seq, usize::try_from(seq).unwrap()));
        }
        assert_eq!(reader.next_event().unwrap(), None);
    }

    #[test]
    fn an_archive_without_events_is_one() {
        let folder = tempfile::tempdir().unwrap();

        let (path, contents) = written(folder.path(), std::ops::RangeInclusive::new(1, 0));

        assert_eq!((contents.stretch, contents.events), (None, 0));
        assert_eq!(verify(&path).unwrap(), contents);
    }

    #[test]
    fn any_path_has_a_uri_and_comes_back() {
        assert_eq!(uri_of("/srv/potts/a-1.pb.zst".into()), "file:///srv/potts/a-1.pb.zst");
        assert_eq!(uri_of("/srv/ä b%".into()), "file:///srv/%C3%A4%20b%25");
        for path in ["/srv/potts/a-1.pb.zst", "/srv/ä b%", "/%41"] {
            assert_eq!(path_of(&uri_of(path.into())), Some(path.into()));
        }
        for other in ["s3://bucket/a", "file:///a%", "file:///a%4", "file:///a%zz"] {
            assert_eq!(path_of(other), None, "{other}");
        }
    }

    #[test]
    fn a_hole_is_not_written() {
        let folder = tempfile::tempdir().unwrap();
        let mut writer = Writer::create(folder.path(), "events").unwrap();
        writer.push(Seq(1), &body("x")).unwrap();

        let error = writer.push(Seq(3), &body("x")).unwrap_err();

        assert_eq!(format!("{error:#}"), "the log is not dense: 3 follows 1");
    }

    #[test]
    fn what_was_cut_off_or_changed_is_no_archive() {
        let folder = tempfile::tempdir().unwrap();
        let (path, contents) = written(folder.path(), 1..=100);
        let whole = fs::read(&path).unwrap();

        for cut in 0..whole.len() {
            fs::write(&path, &whole[..cut]).unwrap();
            let read = verify(&path);
            assert!(read.is_err() || read.unwrap() != contents, "cut at {cut}");
        }
        for at in 0..whole.len() {
            let mut changed = whole.clone();
            changed[at] ^= 0x10;
            fs::write(&path, &changed).unwrap();
            let read = verify(&path);
            assert!(read.is_err() || read.unwrap() != contents, "changed at {at}");
        }
    }

    #[test]
    fn what_was_begun_and_left_is_removed() {
        let folder = tempfile::tempdir().unwrap();
        let mut left = Writer::create(folder.path(), "events").unwrap();
        left.push(Seq(1), &body("x")).unwrap();
        let other = Writer::create(folder.path(), "eventually").unwrap();

        let (path, _) = written(folder.path(), 1..=2);

        assert!(left.finish().is_err(), "somebody else has written it meanwhile");
        let mut files: Vec<_> =
            fs::read_dir(folder.path()).unwrap().map(|file| file.unwrap().path()).collect();
        files.sort();
        assert_eq!(files, [path, other.unfinished.clone()]);
    }
}
