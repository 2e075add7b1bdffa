//! tokio-postgres through the pool: a statement that is prepared once and used again, in turn with another client.
//! Built with Debian's librust-tokio-postgres-dev. Prints how many of 20 uses gave the right answer, and the last error.
use std::env;
use tokio_postgres::NoTls;

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let url = env::args().nth(1).expect("a connection string");
    let connect = || async {
        let (client, connection) = tokio_postgres::connect(&url, NoTls).await?;
        tokio::spawn(connection);
        Ok::<_, tokio_postgres::Error>(client)
    };
    let (one, other) = match (connect().await, connect().await) {
        (Ok(one), Ok(other)) => (one, other),
        (Err(error), _) | (_, Err(error)) => return println!("connects: no, {error}"),
    };
    let mut last = String::new();
    let mut right = 0;
    match one.prepare("SELECT $1::int + 1").await {
        Err(error) => last = error.to_string(),
        Ok(statement) => {
            for i in 0..20i32 {
                // The other client holds the server connection on which the statement was prepared, or has just used it.
                let _ = other.batch_execute("BEGIN; SELECT 1").await;
                match one.query_one(&statement, &[&i]).await {
                    Ok(row) => right += i32::from(row.get::<_, i32>(0) == i + 1),
                    Err(error) => last = error.to_string(),
                }
                let _ = other.batch_execute("COMMIT").await;
                if let Err(error) = other.query("SELECT $1::text", &[&"x"]).await {
                    last = error.to_string();
                }
            }
        }
    }
    println!("prepared once, used again: {right} of 20{}{last}", if last.is_empty() { "" } else { ", " });
}
