//! The program itself, in an empty directory and with an environment of its own.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::Write;
use std::path::PathBuf;
use std::process::{Child, ChildStdin, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use tempfile::TempDir;

use super::postgres;

/// What a condition may take before the test fails. Far more than it takes on a slow machine.
const PATIENCE: Duration = Duration::from_mins(1);

/// Asks until `find` has found something.
pub(crate) async fn until<T>(what: &str, mut find: impl AsyncFnMut() -> Option<T>) -> T {
    let start = Instant::now();
    loop {
        if let Some(found) = find().await {
            return found;
        }
        assert!(start.elapsed() < PATIENCE, "waited in vain for {what}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

/// A working directory and the settings of the programs that run in it.
pub(crate) struct Workplace {
    program: PathBuf,
    directory: TempDir,
    settings: BTreeMap<String, String>,
}

/// What a program that ended has left.
pub(crate) struct Outcome {
    pub(crate) status: ExitStatus,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Outcome {
    /// The output of a program that did its work.
    #[track_caller]
    pub(crate) fn success(self) -> String {
        assert!(self.status.success(), "{}: {}", self.status, self.stderr);
        self.stdout
    }

    /// The one line of a program that refused to.
    #[track_caller]
    pub(crate) fn refusal(self) -> String {
        assert!(!self.status.success(), "{}", self.stdout);
        assert!(self.status.code().is_some(), "{} {}", self.status, self.stderr);
        assert_eq!(self.stdout, "");
        assert_eq!(self.stderr.lines().count(), 1, "{:?}", self.stderr);
        self.stderr
    }
}

impl Workplace {
    /// With the settings given and no others: none of those that this machine happens to have. Only rates are not
    /// limited unless they are given, because tests send more than sites do.
    pub(crate) fn new<'a>(settings: impl IntoIterator<Item = (&'a str, &'a str)>) -> Self {
        let directory = TempDir::with_prefix("posts-api-test-").unwrap();
        let settings = [("RATE_LIMIT", "off")].into_iter().chain(settings);
        let settings = settings.map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
        Self { program: env!("CARGO_BIN_EXE_posts-api").into(), directory, settings }
    }

    /// Runs another program than the one that is tested.
    pub(crate) fn with_program(self, program: PathBuf) -> Self {
        Self { program, ..self }
    }

    pub(crate) fn set(&mut self, name: &str, value: &str) {
        self.settings.insert(name.to_owned(), value.to_owned());
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    /// The names of the files in it.
    pub(crate) fn files(&self) -> Vec<String> {
        let entries = std::fs::read_dir(self.directory.path()).unwrap();
        let mut names: Vec<String> = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    pub(crate) fn write(&self, name: &str, text: &str) {
        std::fs::write(self.path(name), text).unwrap();
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(&self.program);
        command.args(arguments).current_dir(self.directory.path()).env_clear().envs(&self.settings);
        command
    }

    /// Runs it to its end.
    pub(crate) fn run(&self, arguments: &[&str]) -> Outcome {
        self.run_with_input(arguments, "")
    }

    pub(crate) fn run_with_input(&self, arguments: &[&str], input: &str) -> Outcome {
        let mut child = self
            .command(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut stdin = child.stdin.take().unwrap();
        let input = input.to_owned();
        // From a thread, so that neither side waits for the other with a full pipe.
        let writer = std::thread::spawn(move || drop(stdin.write_all(input.as_bytes())));
        let output = child.wait_with_output().unwrap();
        writer.join().unwrap();
        let text = |bytes| String::from_utf8(bytes).unwrap();
        Outcome { status: output.status, stdout: text(output.stdout), stderr: text(output.stderr) }
    }

    /// Runs a line of the shell in this directory, which finds the program by its name.
    pub(crate) fn shell(&self, line: &str) -> Outcome {
        let program = self.program.parent().unwrap().to_owned();
        let databases = postgres::programs().unwrap_or_default();
        let path = std::env::join_paths([program, databases, "/usr/bin".into(), "/bin".into()]).unwrap();
        let mut command = Command::new("sh");
        command
            .args(["-ec", line])
            .current_dir(self.directory.path())
            .env_clear()
            .envs(&self.settings)
            .env("PATH", path);
        let output = command.stdin(Stdio::null()).output().unwrap();
        let text = |bytes| String::from_utf8(bytes).unwrap();
        Outcome { status: output.status, stdout: text(output.stdout), stderr: text(output.stderr) }
    }

    /// Starts it as a server, which [`Running::base`] waits for.
    pub(crate) fn start(&self, name: &str, arguments: &[&str]) -> Running {
        self.spawn(name, arguments, Stdio::null())
    }

    /// Starts it with an input that is written while it runs, and ends where that is dropped.
    pub(crate) fn start_with_input(&self, name: &str, arguments: &[&str]) -> (Running, ChildStdin) {
        let mut running = self.spawn(name, arguments, Stdio::piped());
        let stdin = running.child.stdin.take().unwrap();
        (running, stdin)
    }

    fn spawn(&self, name: &str, arguments: &[&str], stdin: Stdio) -> Running {
        let output = |stream: &str| self.path(&format!("{name}.{stream}"));
        let (stdout, stderr) = (output("stdout"), output("stderr"));
        let child = self
            .command(arguments)
            .stdin(stdin)
            .stdout(File::create(&stdout).unwrap())
            .stderr(File::create(&stderr).unwrap())
            .spawn()
            .unwrap();
        Running { child, stdout, stderr }
    }
}

/// The program in a process of its own, killed when dropped.
pub(crate) struct Running {
    child: Child,
    stdout: PathBuf,
    stderr: PathBuf,
}

impl Running {
    pub(crate) fn stdout(&self) -> String {
        std::fs::read_to_string(&self.stdout).unwrap()
    }

    pub(crate) fn stderr(&self) -> String {
        std::fs::read_to_string(&self.stderr).unwrap()
    }

    /// `http://127.0.0.1:PORT` as it logs it once it serves.
    pub(crate) async fn base(&mut self) -> String {
        self.logs_address("listening on").await
    }

    /// The same of the listener for operators.
    pub(crate) async fn admin_base(&mut self) -> String {
        self.logs_address("metrics are at").await
    }

    async fn logs_address(&mut self, before: &str) -> String {
        let before = format!("{before} http://");
        let address = until("the server to listen", async || {
            assert!(self.child.try_wait().unwrap().is_none(), "the server ended: {}", self.stderr());
            let log = self.stderr();
            let (_, rest) = log.split_once(&before)?;
            let (address, _) = rest.split_once(|end: char| !end.is_ascii_digit() && !".:".contains(end))?;
            Some(address.to_owned())
        });
        format!("http://{}", address.await)
    }

    /// How many descriptors the process has open.
    #[cfg(target_os = "linux")]
    pub(crate) fn descriptors(&self) -> usize {
        std::fs::read_dir(format!("/proc/{}/fd", self.child.id())).unwrap().count()
    }

    /// What the process has in memory, in bytes: now, and at most so far.
    #[cfg(target_os = "linux")]
    pub(crate) fn memory(&self) -> (u64, u64) {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap();
        let kibibytes = |name: &str| -> u64 {
            let line = status.lines().find_map(|line| line.strip_prefix(name)).unwrap();
            line.trim().trim_end_matches(" kB").parse().unwrap()
        };
        (kibibytes("VmRSS:") * 1024, kibibytes("VmHWM:") * 1024)
    }

    pub(crate) fn signal(&self, name: &str) {
        let sent = Command::new("kill").args(["-s", name, &self.child.id().to_string()]).status().unwrap();
        assert!(sent.success());
    }

    /// Ends it at once, whatever it does (SIGKILL).
    pub(crate) fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    pub(crate) async fn ended(&mut self) -> ExitStatus {
        until("the server to end", async || self.child.try_wait().unwrap()).await
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
