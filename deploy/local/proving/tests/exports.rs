//! Exports: from a click to a file that holds what the store holds, and to the end of its link.

use std::collections::BTreeMap;
use std::io::{Cursor, Read, Write};
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use bytes::Bytes;
use calamine::{DataType, Reader};
use parquet::file::reader::{FileReader, SerializedFileReader};
use parquet::record::RowAccessor;
use qafila_proving::deliveries::Deliveries;
use qafila_proving::merchant::{Merchant, expect, make_store};
use qafila_proving::shared_world::SharedWorld;
use qafila_proving::waiting::until;
use reqwest::StatusCode;
use salla_sim::store::Plan;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use tokio::sync::OnceCell;

static SHARED: SharedWorld = SharedWorld::new("exports");
static IMPORTED: OnceCell<(Merchant, u64)> = OnceCell::const_new();
const ORDERS: usize = 120;

/// The merchant whose store is exported.
async fn imported() -> Result<&'static (Merchant, u64)> {
    IMPORTED
        .get_or_try_init(|| async {
            let world = SHARED.world().await?;
            let plan =
                Plan { seed: 611, orders: ORDERS, customers: 30, products: 9, months: 10, ..Plan::default() };
            let store = make_store(&world.sim_url, &plan).await?;
            let merchant = Merchant::register(&world.gateway).await?;
            merchant.connect(store).await?;
            merchant.start_import(12).await?;
            merchant.watch_import(Duration::from_secs(120), |_| {}).await?;
            let loaded = || async {
                // Names and lines come with the details, after the rows of the list.
                let detailed = "SELECT count() FROM orders FINAL WHERE lines_complete = 1";
                Ok(world.clickhouse().query(detailed).fetch_one::<u64>().await?)
            };
            until(loaded, |count| *count == ORDERS as u64).await?;
            anyhow::Ok((merchant, store))
        })
        .await
}

/// Asks for a file and waits for its end.
async fn export(merchant: &Merchant, body: &Value) -> Result<Value> {
    let accepted = expect(merchant.post("/api/v1/reports/export", body).await?, StatusCode::ACCEPTED).await?;
    ended(merchant, accepted["jobId"].as_str().context("a job")?).await
}

async fn ended(merchant: &Merchant, job: &str) -> Result<Value> {
    let path = format!("/api/v1/reports/exports/{job}");
    let shown = || async {
        let answer = merchant.get(&path).await?;
        if answer.status() == StatusCode::NOT_FOUND {
            Ok(Value::Null)
        } else {
            expect(answer, StatusCode::OK).await
        }
    };
    until(shown, |export| matches!(export["status"].as_str(), Some("completed" | "failed"))).await
}

/// The file behind an export's link, which needs no session; checked against what the export says of it.
async fn download(export: &Value) -> Result<Vec<u8>> {
    let link = export["link"].as_str().with_context(|| format!("a link: {export}"))?;
    let looked_at = reqwest::Client::new().head(link).send().await?;
    let answer = reqwest::get(link).await?;
    ensure!(answer.status() == StatusCode::OK, "{link} answered {}", answer.status());
    ensure!(looked_at.status() == StatusCode::OK, "HEAD {link} answered {}", looked_at.status());
    ensure!(looked_at.headers()["content-length"] == answer.headers()["content-length"], "the size by HEAD");
    let bytes = answer.bytes().await?.to_vec();
    ensure!(export["bytes"].as_u64() == Some(bytes.len() as u64), "{export}");
    ensure!(export["sha256"] == hex::encode(Sha256::digest(&bytes)), "{export}");
    ensure!(export["percent"] == 100.0, "{export}");
    Ok(bytes)
}

/// Names of the files of an export.
async fn files(merchant: &Merchant, job: &str) -> Result<Vec<String>> {
    let folder = SHARED.world().await?.exports().join("exports").join(&merchant.id);
    let names =
        std::fs::read_dir(&folder)?.map(|entry| Ok(entry?.file_name().to_string_lossy().into_owned()));
    let names: Vec<String> = names.collect::<Result<_>>()?;
    Ok(names.into_iter().filter(|name| name.starts_with(job)).collect())
}

fn csv_rows(bytes: &[u8]) -> Result<Vec<BTreeMap<String, String>>> {
    let mut reader = csv::Reader::from_reader(bytes);
    Ok(reader.deserialize().collect::<Result<_, _>>()?)
}

fn money(halalas: i64) -> String {
    format!("{}.{:02}00", halalas / 100, halalas % 100)
}

#[test]
fn a_csv_file_holds_every_order_with_its_money_and_opens_what_is_personal_for_its_owner() {
    SHARED.run(async {
        let (merchant, store) = imported().await?;
        let done =
            export(merchant, &json!({"reportType": "orders", "format": "csv", "byteOrderMark": false}))
                .await?;
        ensure!(done["rows"] == ORDERS, "{done}");
        let bytes = download(&done).await?;
        let rows = csv_rows(&bytes)?;
        ensure!(rows.len() == ORDERS, "{} rows", rows.len());
        let figures = expect(merchant.get("/api/v1/reports/summary").await?, StatusCode::OK).await?;
        let complete_to = done["completeTo"].as_str().context("the import had ended")?;
        ensure!(Some(complete_to) <= figures["completeTo"].as_str(), "{done}, {figures}");
        let world = SHARED.world().await?;
        let expected: BTreeMap<String, String> = {
            let sim = world.sim.world();
            let store = sim.stores.get(store).context("the store")?;
            store.orders.iter().map(|order| (order.id.to_string(), money(order.total))).collect()
        };
        let told: BTreeMap<String, String> =
            rows.iter().map(|row| (row["معرّف الطلب"].clone(), row["الإجمالي"].clone())).collect();
        ensure!(told == expected, "the file and the store differ");
        let named = rows.iter().filter(|row| !row["اسم العميل"].is_empty()).count();
        ensure!(named == ORDERS, "{named} rows name a customer");
        ensure!(!String::from_utf8_lossy(&bytes).contains("pii:"), "something is still sealed");
        let phones = rows.iter().map(|row| row["جوال العميل"].as_str()).filter(|phone| !phone.is_empty());
        ensure!(
            phones.clone().count() > 0 && phones.clone().all(|phone| phone.starts_with("'+")),
            "guarded phones"
        );
        let bare = export(
            merchant,
            &json!({"reportType": "orders", "format": "csv", "personalData": false, "byteOrderMark": true}),
        )
        .await?;
        let bytes = download(&bare).await?;
        ensure!(bytes.starts_with(b"\xef\xbb\xbf"), "the mark");
        ensure!(!String::from_utf8_lossy(&bytes).contains("العميل\""), "no personal column");
        ensure!(csv_rows(&bytes)?.iter().all(|row| !row.contains_key("اسم العميل")), "no personal column");
        Ok(())
    });
}

#[test]
fn python_reads_the_same_cells_from_the_file() {
    SHARED.run(async {
        let (merchant, _) = imported().await?;
        let done = export(merchant, &json!({"reportType": "customers", "format": "csv"})).await?;
        let bytes = download(&done).await?;
        let script = "import csv,io,json,sys; print(json.dumps(list(csv.DictReader(io.StringIO(\
                      sys.stdin.buffer.read().decode('utf-8-sig'), newline='')))))";
        let mut python = Command::new("python3")
            .args(["-c", script])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        python.stdin.take().context("stdin")?.write_all(&bytes)?;
        let output = python.wait_with_output()?;
        let read: Vec<BTreeMap<String, String>> = serde_json::from_slice(&output.stdout)?;
        ensure!(!read.is_empty() && read == csv_rows(&bytes[3..])?, "Python reads other cells");
        Ok(())
    });
}

#[test]
fn every_format_and_compression_holds_the_same_rows() {
    SHARED.run(async {
        let (merchant, _) = imported().await?;
        let asked = |format: &str, compression: Option<&str>| {
            json!({"reportType": "orders", "format": format, "compression": compression})
        };
        let lines = download(&export(merchant, &asked("ndjson", None)).await?).await?;
        let orders: Vec<Value> =
            String::from_utf8(lines.clone())?.lines().map(serde_json::from_str).collect::<Result<_, _>>()?;
        ensure!(orders.len() == ORDERS && orders.iter().all(|order| order["customerName"].is_string()));
        let squeezed = download(&export(merchant, &asked("ndjson", Some("gzip"))).await?).await?;
        let mut opened = vec![];
        flate2::read::MultiGzDecoder::new(squeezed.as_slice()).read_to_end(&mut opened)?;
        ensure!(opened == lines, "gzip");
        let squeezed = download(&export(merchant, &asked("ndjson", Some("zstd"))).await?).await?;
        ensure!(zstd::decode_all(squeezed.as_slice())? == lines, "zstd");
        for compression in [None, Some("zstd")] {
            let parquet = download(&export(merchant, &asked("parquet", compression)).await?).await?;
            let reader = SerializedFileReader::new(Bytes::from(parquet))?;
            let ids: Vec<i64> = reader
                .get_row_iter(None)?
                .map(|row| Ok(row?.get_long(0)?))
                .collect::<Result<_>>()?;
            let expected: Vec<i64> = orders.iter().filter_map(|order| order["orderId"].as_i64()).collect();
            ensure!(ids == expected, "Parquet");
        }
        for report in ["sales-trend", "order-items", "products", "order-status", "top-products"] {
            let done = export(merchant, &json!({"reportType": report, "format": "ndjson"})).await?;
            let rows = String::from_utf8(download(&done).await?)?.lines().count();
            ensure!(rows > 0 && done["rows"] == rows, "{report}: {done}");
        }
        Ok(())
    });
}

#[test]
fn a_workbook_holds_the_same_cells_and_reads_from_the_right_in_arabic() {
    SHARED.run(async {
        let (merchant, _) = imported().await?;
        let asked = |format: &str| json!({"reportType": "orders", "format": format});
        let lines = String::from_utf8(download(&export(merchant, &asked("ndjson")).await?).await?)?;
        let workbook = download(&export(merchant, &asked("xlsx")).await?).await?;
        let mut workbook: calamine::Xlsx<_> = calamine::open_workbook_from_rs(Cursor::new(workbook))?;
        let sheet = workbook.worksheet_range_at(0).context("a sheet")??;
        let headings: Vec<String> =
            sheet.rows().next().context("headings")?.iter().map(ToString::to_string).collect();
        let place =
            |heading: &str| headings.iter().position(|one| one == heading).context(heading.to_owned());
        let (id, total) = (place("معرّف الطلب")?, place("الإجمالي")?);
        let (created, name) = (place("تاريخ الإنشاء")?, place("اسم العميل")?);
        let rows: Vec<&[calamine::Data]> = sheet.rows().skip(1).collect();
        let orders: Vec<Value> = lines.lines().map(serde_json::from_str).collect::<Result<_, _>>()?;
        ensure!(rows.len() == orders.len(), "{} rows of {}", rows.len(), orders.len());
        for (row, order) in rows.iter().zip(&orders) {
            let amount: f64 = order["total"].as_str().context("a total")?.parse()?;
            ensure!(row[id].as_f64() == order["orderId"].as_f64(), "{order}");
            ensure!(
                row[total].as_f64().is_some_and(|told| (told - amount).abs() < 1e-9),
                "{order}: {:?}",
                row[total]
            );
            ensure!(row[name].get_string() == order["customerName"].as_str(), "{order}");
            let at: chrono::DateTime<chrono::Utc> = order["createdAt"].as_str().context("a time")?.parse()?;
            let local = at.with_timezone(&chrono_tz::Asia::Riyadh).naive_local();
            let told = row[created].as_datetime().context("a time")?;
            ensure!((told - local).num_milliseconds().abs() < 1_000, "{told} is not {local}");
        }
        Ok(())
    });
}

#[test]
fn files_of_orders_by_status_and_of_top_products_agree_with_their_reports_and_say_what_they_are() {
    SHARED.run(async {
        let (merchant, _) = imported().await?;
        let to = chrono::Utc::now().date_naive() + chrono::Days::new(1);
        let from = to - chrono::Days::new(1_800);
        let rows = |report: &'static str| async move {
            let done = export(merchant, &json!({"reportType": report, "format": "ndjson"})).await?;
            let lines = String::from_utf8(download(&done).await?)?;
            let rows: Vec<Value> = lines.lines().map(serde_json::from_str).collect::<Result<_, _>>()?;
            anyhow::Ok((done, rows))
        };
        let report = |name: &'static str| async move {
            let path = format!("/api/v1/reports/{name}?from={from}&to={to}&limit=100");
            expect(merchant.get(&path).await?, StatusCode::OK).await
        };
        let (done, statuses) = rows("order-status").await?;
        let told = report("order-status").await?;
        let groups = told["groups"].as_array().context("groups")?;
        ensure!(groups.len() == statuses.len() && !groups.is_empty(), "{statuses:?} is not {told}");
        for row in &statuses {
            let same = groups.iter().find(|one| {
                one["key"] == row["status"] && one["figures"]["sales"]["currency"] == row["currency"]
            });
            let same = same.with_context(|| format!("{row} in {told}"))?;
            ensure!(
                same["figures"]["orders"] == row["orders"] && same["name"] == row["statusName"],
                "{row} is not {same}"
            );
            ensure!(same["figures"]["sales"]["amount"] == row["sales"], "{row} is not {same}");
        }
        let manifest = reqwest::get(done["manifestLink"].as_str().context("a manifest")?).await?;
        let manifest = expect(manifest, StatusCode::OK).await?;
        ensure!(manifest["report"] == "order-status" && manifest["sha256"] == done["sha256"], "{manifest}");
        let (_, products) = rows("top-products").await?;
        let told = report("top-products").await?;
        let ranked = told["products"].as_array().context("products")?;
        ensure!(ranked.len() == products.len() && !ranked.is_empty(), "{products:?} is not {told}");
        for (row, ranked) in products.iter().zip(ranked) {
            ensure!(
                ranked["sales"]["amount"] == row["sales"] && ranked["quantity"] == row["quantity"],
                "{row} is not {ranked}"
            );
            ensure!(
                ranked["name"] == row["name"] && ranked["productId"] == row["productId"],
                "{row} is not {ranked}"
            );
        }
        Ok(())
    });
}

#[test]
fn carts_are_a_file_and_a_mail_comes_only_where_it_is_wanted() {
    SHARED.run(async {
        let world = SHARED.world().await?;
        let (merchant, store) = imported().await?;
        let sample = std::path::Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("../salla-sim/samples/webhook.abandoned.cart.json");
        let mut cart: Value = serde_json::from_str(&std::fs::read_to_string(sample)?)?;
        cart["merchant"] = json!(store);
        Deliveries::to(world).deliver(&cart).await?;
        let id = cart["data"]["id"].to_string();
        let loaded = || async {
            let query = "SELECT count() FROM carts FINAL WHERE store_id = ?";
            Ok(world.clickhouse().query(query).bind(store.cast_signed()).fetch_one::<u64>().await?)
        };
        until(loaded, |count| *count == 1).await?;
        for (mail, expected) in [(Some(false), false), (Some(true), true), (None, true)] {
            let body = json!({"reportType": "carts", "format": "csv", "byteOrderMark": false, "mail": mail});
            let done = export(merchant, &body).await?;
            let rows = csv_rows(&download(&done).await?)?;
            ensure!(rows.len() == 1 && rows[0].values().any(|cell| *cell == id), "{rows:?}");
            let noted =
                || async { expect(merchant.get("/api/v1/notifications").await?, StatusCode::OK).await };
            let of_job = |page: &Value| -> Option<Value> {
                page["items"].as_array()?.iter().find(|note| note["jobId"] == done["jobId"]).cloned()
            };
            let page = until(noted, |page| of_job(page).is_some()).await?;
            let note = of_job(&page).context("a notification")?;
            ensure!(note["mail"].is_string() == expected, "{mail:?}: {note}");
        }
        Ok(())
    });
}

#[test]
fn the_same_key_is_the_same_export_and_what_is_unknown_is_named() {
    SHARED.run(async {
        let (merchant, _) = imported().await?;
        let ask = |body: Value| async move {
            let world = SHARED.world().await?;
            let posting = reqwest::Client::new()
                .post(format!("{}/api/v1/reports/export", world.gateway))
                .bearer_auth(merchant.token())
                .header("idempotency-key", "my-key-1");
            anyhow::Ok(posting.json(&body).send().await?)
        };
        let wanted = json!({"reportType": "products", "format": "csv"});
        let first = expect(ask(wanted.clone()).await?, StatusCode::ACCEPTED).await?;
        ended(merchant, first["jobId"].as_str().context("a job")?).await?;
        let again = expect(ask(wanted).await?, StatusCode::ACCEPTED).await?;
        ensure!(first["jobId"] == again["jobId"], "{first} {again}");
        let other = ask(json!({"reportType": "orders", "format": "csv"})).await?;
        let refused = expect(other, StatusCode::UNPROCESSABLE_ENTITY).await?;
        ensure!(refused["errors"][0]["pointer"] == "Idempotency-Key", "{refused}");
        let bad = json!({"reportType": "orders", "format": "xls", "filters": {"from": "yesterday"}});
        let refused =
            expect(merchant.post("/api/v1/reports/export", &bad).await?, StatusCode::UNPROCESSABLE_ENTITY)
                .await?;
        let pointers: Vec<_> =
            refused["errors"].as_array().context("errors")?.iter().map(|e| &e["pointer"]).collect();
        ensure!(pointers == ["/format", "/filters/from"], "{refused}");
        Ok(())
    });
}

#[test]
fn a_revoked_export_has_no_link_at_once_and_no_file_soon_and_strangers_see_nothing() {
    SHARED.run(async {
        let (merchant, _) = imported().await?;
        let world = SHARED.world().await?;
        let done = export(merchant, &json!({"reportType": "products", "format": "ndjson"})).await?;
        let (job, link) =
            (done["jobId"].as_str().context("a job")?, done["link"].as_str().context("a link")?);
        let from_ten = reqwest::Client::new().get(link).header("range", "bytes=10-").send().await?;
        ensure!(from_ten.status() == StatusCode::PARTIAL_CONTENT, "{}", from_ten.status());
        let whole = download(&done).await?;
        ensure!(from_ten.bytes().await? == whole[10..], "the rest of the file");
        let stranger = Merchant::register(&world.gateway).await?;
        let path = format!("/api/v1/reports/exports/{job}");
        expect(stranger.get(&path).await?, StatusCode::NOT_FOUND).await?;
        let delete = |token: String| async move {
            let url = format!("{}/api/v1/reports/exports/{job}", world.gateway);
            anyhow::Ok(reqwest::Client::new().delete(url).bearer_auth(token).send().await?.status())
        };
        ensure!(delete(stranger.token().to_owned()).await? == StatusCode::NOT_FOUND, "not a stranger's");
        ensure!(delete(merchant.token().to_owned()).await? == StatusCode::NO_CONTENT, "revoked");
        ensure!(reqwest::get(link).await?.status() == StatusCode::GONE, "the link works no more");
        let forged = format!("{}x", &link[..link.len() - 1]);
        ensure!(reqwest::get(forged).await?.status() == StatusCode::NOT_FOUND, "no link of ours");
        until(|| files(merchant, job), Vec::is_empty).await?;
        let listed =
            || async { expect(merchant.get("/api/v1/reports/exports").await?, StatusCode::OK).await };
        let shows = |list: &Value| {
            list["items"].as_array().is_some_and(|items| items.iter().any(|i| i["jobId"] == job))
        };
        until(listed, |list| !shows(list)).await?;
        Ok(())
    });
}

#[test]
fn a_file_whose_time_is_over_is_removed_and_its_link_tells_people_so_in_words() {
    SHARED.run(async {
        let (merchant, _) = imported().await?;
        let done = export(merchant, &json!({"reportType": "products", "format": "csv"})).await?;
        let (job, link) =
            (done["jobId"].as_str().context("a job")?, done["link"].as_str().context("a link")?);
        ensure!(files(merchant, job).await?.len() == 2, "the file and its manifest");
        // As if a day had passed: what the event says, and what the worker has made of it.
        let owner = SHARED.world().await?.pool("QAFILA_DATABASE_OWNER_URL").await?;
        let over = chrono::Utc::now().timestamp_millis() - 1;
        for statement in [
            "UPDATE events SET payload = jsonb_set(payload::jsonb, '{ExportCompleted,expires_at}', to_jsonb($2))::json
             WHERE aggregate_id = $1 AND event_type = 'ExportCompleted'",
            "UPDATE export_work SET expires_at = to_timestamp($2 / 1000.0) WHERE job_id = $1::uuid",
        ] {
            let moved = sqlx::query(statement).bind(job).bind(over).execute(&owner).await?;
            ensure!(moved.rows_affected() == 1, "{statement}");
        }
        until(|| files(merchant, job), Vec::is_empty).await?;
        let path = format!("/api/v1/reports/exports/{job}");
        let shown = || async { expect(merchant.get(&path).await?, StatusCode::OK).await };
        let expired = until(shown, |export| export["status"] == "expired").await?;
        ensure!(expired["link"].is_null(), "{expired}");
        let by_browser = reqwest::Client::new().get(link).header("accept", "text/html,*/*;q=0.8").send().await?;
        ensure!(by_browser.status() == StatusCode::GONE, "{}", by_browser.status());
        let page = by_browser.text().await?;
        ensure!(page.contains("هذا الرابط لا يعمل") && page.contains("does not work"), "{page}");
        let problem = expect(reqwest::get(link).await?, StatusCode::GONE).await?;
        ensure!(problem["status"] == 410, "{problem}");
        Ok(())
    });
}

#[test]
#[ignore = "needs LibreOffice and pyarrow: apt-get install libreoffice-calc-nogui, pip install pyarrow openpyxl"]
fn libreoffice_and_pyarrow_read_the_same_cells() {
    SHARED.run(async {
        let (merchant, _) = imported().await?;
        let folder = tempfile::tempdir()?;
        let asked = |format: &str| json!({"reportType": "orders", "format": format});
        let csv = download(&export(merchant, &asked("csv")).await?).await?;
        let path = folder.path().join("orders.csv");
        std::fs::write(&path, &csv)?;
        let columns = csv_rows(&csv[3..])?.first().context("rows")?.len();
        // Commas, double quotes, UTF-8, from line 1, every column as text.
        let formats: Vec<String> = (1..=columns).map(|column| format!("{column}/2")).collect();
        let reading = format!("--infilter=CSV:44,34,76,1,{}", formats.join("/"));
        let status = Command::new("soffice")
            .args(["--headless", &reading, "--convert-to", "csv:Text - txt - csv (StarCalc):44,34,76", "--outdir"])
            .arg(folder.path().join("out"))
            .arg(&path)
            .status()?;
        ensure!(status.success(), "LibreOffice: {status}");
        let again = std::fs::read(folder.path().join("out").join("orders.csv"))?;
        let again = again.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&again);
        ensure!(csv_rows(again)? == csv_rows(&csv[3..])?, "LibreOffice reads other cells");
        let workbook = folder.path().join("orders.xlsx");
        std::fs::write(&workbook, download(&export(merchant, &asked("xlsx")).await?).await?)?;
        let status = Command::new("soffice")
            .args(["--headless", "--convert-to", "csv:Text - txt - csv (StarCalc):44,34,76", "--outdir"])
            .arg(folder.path().join("sheet"))
            .arg(&workbook)
            .status()?;
        ensure!(status.success(), "LibreOffice: {status}");
        let sheet = std::fs::read(folder.path().join("sheet").join("orders.csv"))?;
        let script = "import csv,io,sys,openpyxl,datetime\n\
                      out=io.StringIO(); w=csv.writer(out,lineterminator='\\n')\n\
                      s=openpyxl.load_workbook(sys.argv[1],read_only=False).active\n\
                      assert s.sheet_view.rightToLeft\n\
                      def amount(n):\n\
                      \x20 whole, part = f'{n:,.4f}'.split('.'); return whole + '.' + part[:2] + part[2:].rstrip('0')\n\
                      def text(c):\n\
                      \x20 if c.value is None: return ''\n\
                      \x20 if isinstance(c.value, datetime.datetime): return c.value.isoformat(' ')\n\
                      \x20 if c.number_format == '#,##0.00##': return amount(c.value)\n\
                      \x20 return str(int(c.value)) if isinstance(c.value, (int, float)) else c.value\n\
                      [w.writerow([text(c) for c in r]) for r in s.iter_rows()]\n\
                      sys.stdout.buffer.write(out.getvalue().encode())";
        let output = Command::new("python3").args(["-c", script]).arg(&workbook).output()?;
        ensure!(output.status.success(), "openpyxl: {}", String::from_utf8_lossy(&output.stderr));
        let (by_office, by_python) = (csv_rows(&sheet)?, csv_rows(&output.stdout)?);
        ensure!(by_office.len() == ORDERS, "LibreOffice reads {} rows", by_office.len());
        ensure!(by_office == by_python, "{:?} is not {:?}", by_office[0], by_python[0]);
        let parquet = download(&export(merchant, &asked("parquet")).await?).await?;
        let path = folder.path().join("orders.parquet");
        std::fs::write(&path, parquet)?;
        let script = "import json,sys,pyarrow.parquet as p; \
                      print(json.dumps([[str(r['orderId']), str(r['total']), r['customerName'], \
                      r['createdAt'].strftime('%Y-%m-%dT%H:%M:%S')] for r in p.read_table(sys.argv[1]).to_pylist()]))";
        let output = Command::new("python3").args(["-c", script]).arg(&path).output()?;
        ensure!(output.status.success(), "pyarrow: {}", String::from_utf8_lossy(&output.stderr));
        let read: Vec<[String; 4]> = serde_json::from_slice(&output.stdout)?;
        let lines = String::from_utf8(download(&export(merchant, &asked("ndjson")).await?).await?)?;
        let text = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        let expected: Vec<[String; 4]> = lines
            .lines()
            .map(|line| {
                let row: Value = serde_json::from_str(line)?;
                let created = text(&row["createdAt"]).chars().take(19).collect();
                Ok([text(&row["orderId"]), text(&row["total"]), text(&row["customerName"]), created])
            })
            .collect::<Result<_>>()?;
        ensure!(read == expected, "pyarrow reads other cells");
        Ok(())
    });
}
