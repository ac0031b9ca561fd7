//! Runs ffmpeg and ffprobe in child processes that are held to limits: a file from a stranger is
//! to cost no more than it may, whatever it does to the decoder.

use std::ffi::OsString;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use thiserror::Error;
use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::process::Command;

/// Sets the limits, then becomes the program: no process stands in between, so that killing the
/// child ends the work.
const BOUNDED: &str = "ulimit -c 0; ulimit -v \"$1\"; ulimit -t \"$2\"; ulimit -f \"$3\"; shift 3; \
     exec nice -n 10 \"$@\"";
/// Bytes of a message that are kept.
const SAID: usize = 2048;

/// What a child may use.
#[derive(Debug, Clone, Copy)]
pub struct Bounds {
    /// From start to end.
    pub time: Duration,
    /// Bytes of address space.
    pub memory: u64,
    /// Bytes of each file it writes.
    pub file: u64,
    /// Bytes of its standard output.
    pub output: usize,
}

/// Why a child did not do its work.
#[derive(Debug, Error)]
pub enum ChildError {
    /// It could not be started.
    #[error("cannot run {program}: {source}")]
    Start {
        program: String,
        source: std::io::Error,
    },
    /// It ended with an error, or by a limit.
    #[error("{status}: {said}")]
    Failed { status: String, said: String },
    /// It took too long and was killed.
    #[error("it took too long")]
    Time,
    /// It wrote more than allowed and was killed.
    #[error("it wrote too much")]
    Output,
}

/// Runs a program to its end; gives what it wrote to its standard output.
pub async fn run(
    program: &Path,
    args: Vec<OsString>,
    bounds: &Bounds,
) -> Result<Vec<u8>, ChildError> {
    let start = |source| ChildError::Start {
        program: program.display().to_string(),
        source,
    };
    let mut child = Command::new("/bin/sh")
        .args(["-c", BOUNDED, "sh"])
        .arg((bounds.memory >> 10).to_string())
        .arg(bounds.time.as_secs().max(1).to_string())
        // In blocks of 512 bytes.
        .arg((bounds.file >> 9).to_string())
        .arg(program)
        .args(args)
        .env_clear()
        .env("LC_ALL", "C")
        .current_dir("/")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .map_err(start)?;
    let (Some(out), Some(err)) = (child.stdout.take(), child.stderr.take()) else {
        return Err(start(std::io::Error::other("no pipes")));
    };
    let work = async {
        let (written, said) = tokio::join!(collect(out, bounds.output), tail(err));
        let written = written?;
        let status = child.wait().await.map_err(start)?;
        if status.success() {
            Ok(written)
        } else {
            Err(ChildError::Failed {
                status: status.to_string(),
                said,
            })
        }
    };
    let done = tokio::time::timeout(bounds.time, work).await;
    done.unwrap_or(Err(ChildError::Time))
}

/// All that is written, while it is no more than allowed.
async fn collect(mut from: impl AsyncRead + Unpin, most: usize) -> Result<Vec<u8>, ChildError> {
    let mut all = Vec::new();
    let mut limited = (&mut from).take(most as u64 + 1);
    // A pipe that breaks shows in the exit status.
    let _ = limited.read_to_end(&mut all).await;
    if all.len() > most {
        return Err(ChildError::Output);
    }
    Ok(all)
}

/// The end of what is written, however much it is.
async fn tail(mut from: impl AsyncRead + Unpin) -> String {
    let mut kept: Vec<u8> = Vec::new();
    let mut buffer = [0; 4096];
    while let Ok(read @ 1..) = from.read(&mut buffer).await {
        kept.extend_from_slice(&buffer[..read]);
        let over = kept.len().saturating_sub(SAID);
        kept.drain(..over);
    }
    String::from_utf8_lossy(&kept).trim().replace('\n', "; ")
}

#[cfg(test)]
mod tests {
    use super::*;

    const BOUNDS: Bounds = Bounds {
        time: Duration::from_secs(20),
        memory: 512 << 20,
        file: 1 << 20,
        output: 1000,
    };

    async fn sh(script: &str, bounds: &Bounds) -> Result<Vec<u8>, ChildError> {
        run(
            Path::new("/bin/sh"),
            vec!["-c".into(), script.into()],
            bounds,
        )
        .await
    }

    #[tokio::test]
    async fn output_and_failure_come_back() {
        assert_eq!(sh("echo hello", &BOUNDS).await.unwrap(), b"hello\n");
        match sh("echo broken >&2; exit 3", &BOUNDS).await {
            Err(ChildError::Failed { said, .. }) => assert_eq!(said, "broken"),
            other => panic!("{other:?}"),
        }
        let nothing = run(Path::new("/nowhere/ffmpeg"), Vec::new(), &BOUNDS).await;
        assert!(matches!(nothing, Err(ChildError::Failed { .. })));
    }

    #[tokio::test]
    async fn limits_hold() {
        let much = sh("while :; do echo xxxxxxxxxxxxxxxxxxxxxxxxx; done", &BOUNDS).await;
        assert!(matches!(much, Err(ChildError::Output)), "{much:?}");
        let short = Bounds {
            time: Duration::from_millis(50),
            ..BOUNDS
        };
        let long = sh("sleep 30", &short).await;
        assert!(matches!(long, Err(ChildError::Time)), "{long:?}");
        let dir = tempfile::tempdir().unwrap();
        let big = format!("head -c 3000000 /dev/zero > {}/x", dir.path().display());
        assert!(matches!(
            sh(&big, &BOUNDS).await,
            Err(ChildError::Failed { .. })
        ));
        assert!(std::fs::metadata(dir.path().join("x")).unwrap().len() <= 1 << 20);
        let small = Bounds {
            memory: 1 << 20,
            ..BOUNDS
        };
        assert!(
            sh("echo hello", &small).await.is_err(),
            "no room to start in"
        );
    }

    #[tokio::test]
    async fn the_surroundings_stay_outside() {
        let seen = sh("env | cut -d= -f1 | sort | tr '\\n' ' '", &BOUNDS)
            .await
            .unwrap();
        let seen = String::from_utf8(seen).unwrap();
        for name in seen.split_whitespace() {
            assert!(
                matches!(name, "LC_ALL" | "PWD" | "OLDPWD" | "SHLVL" | "_"),
                "{seen}"
            );
        }
    }
}
