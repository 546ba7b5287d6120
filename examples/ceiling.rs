//! The upper bound for the benchmarks: a bare actix-web handler that responds to every GET with the same bytes, as
//! JSON.
//!
//! The first argument names the file to serve. `HOST` and `PORT` set the address. The number of workers and all other
//! settings are actix-web's defaults.

use std::io::{Error, ErrorKind};

use actix_web::http::header::ContentType;
use actix_web::web::{self, Bytes};
use actix_web::{App, HttpResponse, HttpServer};
use posts_api::config::{Settings, environment};

#[actix_web::main]
async fn main() -> std::io::Result<()> {
    let config = Settings::default().check(environment).map_err(Error::other)?;
    let file = std::env::args_os().nth(1).ok_or_else(|| Error::new(ErrorKind::InvalidInput, "usage: ceiling FILE"))?;
    let bytes = Bytes::from(std::fs::read(file)?);
    HttpServer::new(move || {
        let bytes = bytes.clone();
        let handler = move || {
            let response = HttpResponse::Ok().content_type(ContentType::json()).body(bytes.clone());
            async move { response }
        };
        App::new().default_service(web::get().to(handler))
    })
    .bind((config.host, config.port))?
    .run()
    .await
}
