//! Every file that the program creates is readable and writable by its owner only, whatever the umask.

use crate::support::program::Sandbox;

/// Starts the service, kills it while `-wal` and `-shm` exist, and prints the modes of the files.
const SERVE_AND_KILL: &str = "umask 000
posts-api --port 0 >/dev/null 2>log & pid=$!
until grep -qs 'listening on' log && [ -e \"$FILE-wal\" ] && [ -e \"$FILE-shm\" ]; do kill -0 $pid; sleep 0.05; done
kill -KILL $pid
wait $pid || true
stat -c '%a %n' \"$FILE\" \"$FILE-wal\" \"$FILE-shm\"";

#[test]
fn database_files_are_private_in_every_form_of_the_path() {
    for (url, file) in [
        ("sqlite://posts.db", "posts.db"),
        ("sqlite:posts.db", "posts.db"),
        ("sqlite:./posts.db", "posts.db"),
        ("sqlite://./a:b@c.db", "a:b@c.db"),
        ("sqlite://./file:posts.db", "file:posts.db"),
        ("sqlite://my posts.db", "my posts.db"),
        ("sqlite://posts#1%20.db", "posts#1%20.db"),
        ("file:posts.db", "posts.db"),
        ("file:<>/posts.db", "posts.db"),
        ("sqlite://<>/directory/../posts.db", "posts.db"),
        ("sqlite://link.db", "directory/posts.db"),
        ("sqlite://directory/link.db", "posts.db"),
    ] {
        let mut sandbox = Sandbox::new([("FILE", file)]);
        sandbox.set("DATABASE_URL", &url.replace("<>", sandbox.path(".").to_str().unwrap()));
        // A link to a link to a missing file.
        sandbox.shell("mkdir directory; ln -s directory/link2 link.db; ln -s posts.db directory/link2").success();
        sandbox.shell("ln -s ../posts.db directory/link.db").success();
        let modes = sandbox.shell(SERVE_AND_KILL).success();
        assert_eq!(modes, format!("600 {file}\n600 {file}-wal\n600 {file}-shm\n"), "{url}");
        let umask = "rm -f posts.db*; umask 777; posts-api migrate >/dev/null; stat -c %a \"$FILE\"";
        assert_eq!(sandbox.shell(umask).success(), "600\n", "{url}");
    }
}

#[test]
fn backups_and_restored_files_are_private() {
    let sandbox = Sandbox::new([("DATABASE_URL", "sqlite://posts.db")]);
    sandbox.run(&["migrate"]).success();
    let backup = "umask 000; posts-api backup a.db >/dev/null; stat -c %a a.db";
    assert_eq!(sandbox.shell(backup).success(), "600\n");
    let restored = "umask 000; posts-api export | posts-api --database-url sqlite://b.db import --resumable - \
                    2>/dev/null >/dev/null; stat -c %a b.db; ls";
    assert_eq!(sandbox.shell(restored).success(), "600\na.db\nb.db\nposts.db\n");
}

#[test]
fn existing_file_keeps_its_mode() {
    let sandbox = Sandbox::new([("DATABASE_URL", "sqlite://posts.db"), ("FILE", "posts.db")]);
    sandbox.shell(": >posts.db; chmod 640 posts.db").success();
    let modes = sandbox.shell(SERVE_AND_KILL).success();
    assert_eq!(modes, "640 posts.db\n640 posts.db-wal\n640 posts.db-shm\n");
}
