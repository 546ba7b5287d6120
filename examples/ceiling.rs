//! The benchmark's ceiling: answers every GET with the bytes of the file named by the first argument, as JSON, on `HOST`
//! and `PORT`, with the service's workers and server settings. Nothing that actix serves can be faster.

use std::io::{Error, ErrorKind};

use actix_web::http::header::ContentType;
use actix_web::web::{self, Bytes};
use actix_web::{App, HttpResponse, HttpServer};
use posts_api::config::{Settings, environment};

#[actix_web::main]
async fn main() -> std::io::Result<()> {
    let config = Settings::default().check(environment).map_err(Error::other)?;
    let file = std::env::args_os().nth(1).ok_or_else(|| Error::new(ErrorKind::InvalidInput, "name a file to serve"))?;
    let bytes = Bytes::from(std::fs::read(file)?);
    HttpServer::new(move || {
        let bytes = bytes.clone();
        let answer = move || {
            let answer = HttpResponse::Ok().content_type(ContentType::json()).body(bytes.clone());
            async move { answer }
        };
        App::new().default_service(web::get().to(answer))
    })
    .bind((config.host, config.port))?
    .run()
    .await
}
