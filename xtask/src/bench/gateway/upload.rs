//! A large file goes up through the gateway while its memory is watched.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::time::Duration;

use anyhow::{Context, bail, ensure};

use super::super::serving::memory_mib;
use super::super::wire;
use super::requests::GUARDED;

/// The file.
pub const BYTES: u64 = 2 << 30;

/// A server behind the site that takes whatever is sent and answers when it has all of it. Ends with
/// the program.
pub fn sink() -> anyhow::Result<u16> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    let port = listener.local_addr()?.port();
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            std::thread::spawn(move || {
                if let Err(error) = swallow(&stream) {
                    eprintln!("the server behind the upload: {error:#}");
                }
            });
        }
    });
    Ok(port)
}

fn swallow(stream: &TcpStream) -> anyhow::Result<()> {
    let mut reader = BufReader::with_capacity(1 << 20, stream);
    let (mut length, mut chunked) = (0, false);
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line)? == 0 {
            return Ok(());
        }
        let line = line.trim_end().to_ascii_lowercase();
        if line.is_empty() {
            break;
        }
        if let Some(value) = line.strip_prefix("content-length:") {
            length = value.trim().parse()?;
        }
        chunked |= line.starts_with("transfer-encoding:");
    }
    let taken = if chunked {
        chunks(&mut reader)?
    } else {
        std::io::copy(&mut (&mut reader).take(length), &mut std::io::sink())?
    };
    let text = taken.to_string();
    let mut writer = stream;
    write!(
        writer,
        "HTTP/1.1 200 OK\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{text}",
        text.len()
    )?;
    Ok(())
}

/// Takes a body in chunks and gives its length.
fn chunks(reader: &mut impl BufRead) -> anyhow::Result<u64> {
    let mut taken = 0;
    loop {
        let mut line = String::new();
        reader.read_line(&mut line)?;
        let size = u64::from_str_radix(line.trim(), 16).context("a chunk without a size")?;
        let with_end = size + 2;
        let read = std::io::copy(&mut reader.by_ref().take(with_end), &mut std::io::sink())?;
        ensure!(read == with_end, "a chunk broke off");
        if size == 0 {
            return Ok(taken);
        }
        taken += size;
    }
}

/// Sends a file of so many bytes within a form; gives how many bytes the server behind counted.
fn send(port: u16, bytes: u64) -> anyhow::Result<u64> {
    let start = "--b\r\nContent-Disposition: form-data; name=\"file\"; filename=\"doga.mp4\"\r\n\
                 Content-Type: video/mp4\r\n\r\n";
    let end = "\r\n--b--\r\n";
    let length = bytes + (start.len() + end.len()) as u64;
    let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port))?;
    stream.set_read_timeout(Some(Duration::from_mins(2)))?;
    write!(
        stream,
        "POST /upload HTTP/1.1\r\nHost: {GUARDED}\r\nUser-Agent: Mozilla/5.0 (X11)\r\nAccept: */*\r\n\
         Content-Type: multipart/form-data; boundary=b\r\nContent-Length: {length}\r\n\r\n{start}"
    )?;
    let piece: Vec<u8> = (0..1_u32 << 16)
        .map(|at| (at.wrapping_mul(2_654_435_761) >> 24) as u8)
        .collect();
    let mut left = bytes;
    let mut broken = None;
    while left > 0 && broken.is_none() {
        let now = left.min(piece.len() as u64) as usize;
        broken = stream.write_all(&piece[..now]).err();
        left -= now as u64;
    }
    if broken.is_none() {
        stream.write_all(end.as_bytes())?;
    }
    let answer = wire::read(&mut BufReader::new(stream), |_, _| {});
    if let Some(error) = broken {
        let why = answer.map_or_else(|_| error.to_string(), |answer| answer.status.to_string());
        bail!("the upload broke off with {left} bytes left: {why}");
    }
    let answer = answer?;
    ensure!(
        answer.status == 200,
        "the upload was answered {}",
        answer.status
    );
    let counted: u64 = answer.text().trim().parse().context("no count came back")?;
    ensure!(counted == length, "{counted} of {length} bytes arrived");
    Ok(counted)
}

/// Uploads and gives by how much the process's memory rose at most, in MiB.
pub fn memory(port: u16, process: u32, bytes: u64) -> anyhow::Result<f64> {
    // From here on the kernel keeps the highest anew.
    std::fs::write(format!("/proc/{process}/clear_refs"), "5")
        .context("the kernel does not reset a process's highest memory")?;
    let before = memory_mib(process, "VmHWM")?;
    send(port, bytes)?;
    Ok(memory_mib(process, "VmHWM")? - before)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_sent_is_counted() {
        let port = sink().expect("listens");
        let counted = send(port, 300_000).expect("sent");
        assert!(counted > 300_000);
    }

    #[test]
    fn chunks_are_counted_and_need_an_end() {
        let mut whole: &[u8] = b"3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n";
        assert_eq!(chunks(&mut whole).expect("well formed"), 5);
        let mut cut: &[u8] = b"3\r\nab";
        assert!(chunks(&mut cut).is_err());
    }
}
