//! The listening sockets of the service. They are bound before the database is opened, so that a failed start changes
//! nothing in it.

use std::io::{self, ErrorKind};
use std::net::{SocketAddr, TcpListener};

use crate::config::Config;
use crate::http::transport::listen::listen;

/// The sockets that the service listens on.
#[derive(Debug)]
pub struct Listeners {
    pub api: TcpListener,
    /// `None` if there is no admin listener.
    pub admin: Option<TcpListener>,
}

/// Why an address could not be bound, and how to fix it.
#[derive(Debug, thiserror::Error)]
#[error("cannot listen on {address}: {error}; {fix}")]
pub struct BindError {
    address: SocketAddr,
    error: io::Error,
    fix: String,
}

/// The names of the settings that an address comes from.
#[derive(Debug, Clone, Copy)]
struct AddressSettings {
    host: &'static str,
    port: &'static str,
}

impl Listeners {
    /// Binds the address of the API and, if there is one, the address of the admin listener.
    pub fn bind(config: &Config) -> Result<Self, BindError> {
        let api = bind((config.host, config.port).into(), AddressSettings { host: "HOST", port: "PORT" })?;
        let bind_admin = |port| {
            let address = SocketAddr::from((config.admin_host, port));
            bind(address, AddressSettings { host: "ADMIN_HOST", port: "ADMIN_PORT" }).map_err(|error| {
                if error.error.kind() == ErrorKind::AddrInUse && port == config.port {
                    BindError { fix: "PORT and ADMIN_PORT must differ".to_owned(), ..error }
                } else {
                    error
                }
            })
        };
        Ok(Self { api, admin: config.admin_port.map(bind_admin).transpose()? })
    }
}

fn bind(address: SocketAddr, settings: AddressSettings) -> Result<TcpListener, BindError> {
    listen(address).map_err(|error| BindError { fix: fix(&error, settings), address, error })
}

fn fix(error: &io::Error, AddressSettings { host, port }: AddressSettings) -> String {
    match error.kind() {
        ErrorKind::AddrInUse => {
            format!("stop the program that uses this port, or set {port} to another port (0 chooses a free one)")
        }
        ErrorKind::PermissionDenied => {
            format!("set {port} to a port from 1024 on, or permit this user to use lower ports (CAP_NET_BIND_SERVICE)")
        }
        ErrorKind::AddrNotAvailable => {
            format!("set {host} to an address of this machine, or to 0.0.0.0 for all of them")
        }
        _ => format!("check {host} and {port}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bind_error_names_the_address_and_the_setting_to_change() {
        let settings = AddressSettings { host: "HOST", port: "PORT" };
        for (kind, advice) in [
            (ErrorKind::AddrInUse, "set PORT to another port"),
            (ErrorKind::PermissionDenied, "set PORT to a port from 1024 on"),
            (ErrorKind::AddrNotAvailable, "set HOST to an address of this machine"),
            (ErrorKind::Unsupported, "check HOST and PORT"),
        ] {
            let error = io::Error::from(kind);
            let fix = fix(&error, settings);
            let message = BindError { address: ([127, 0, 0, 1], 80).into(), error, fix }.to_string();
            assert!(message.starts_with("cannot listen on 127.0.0.1:80: ") && message.contains(advice), "{message}");
        }
    }
}
