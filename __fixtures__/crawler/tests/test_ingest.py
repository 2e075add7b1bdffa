"""python -m unittest discover; the database tests need DATABASE_URL."""
import contextlib
import io
import json
import os
import tempfile
import unittest
import uuid

from sqlalchemy import create_engine
from sqlalchemy.orm import Session

from crawler import ingest
from models import Article

DATABASE_URL = os.environ.get("DATABASE_URL")
LISTING = os.path.join(os.path.dirname(__file__), "data", "thanhnien_listing.html")
SITE = "unittest"


class ParseTest(unittest.TestCase):
    def test_html_listing(self):
        with open(LISTING, encoding="utf-8") as handle:
            articles = ingest.parse_listing(handle.read(), "https://thanhnien.vn/")
        self.assertEqual(len(articles), 2)
        self.assertEqual(articles[0]["title"], "Hà Nội đón đợt mưa đầu mùa")
        self.assertEqual(articles[0]["assets"], ["https://thanhnien.vn/rain.svg"])

    def test_json_listing(self):
        text = '[{"url": "https://znews.vn/a.html", "title": "A"}]'
        self.assertEqual(ingest.parse_listing(text, "")[0]["title"], "A")


@unittest.skipUnless(DATABASE_URL, "DATABASE_URL is not set")
class IngestTest(unittest.TestCase):
    def setUp(self):
        self.engine = create_engine(DATABASE_URL)
        self.addCleanup(self.engine.dispose)
        self.addCleanup(self.delete_articles)
        base = f"https://example.com/{uuid.uuid4()}"
        articles = [{"url": f"{base}/{n}", "title": f"Article {n}"} for n in (1, 2)]
        with tempfile.NamedTemporaryFile("w", suffix=".json", delete=False) as handle:
            json.dump(articles, handle)
        self.listing = handle.name
        self.addCleanup(os.unlink, self.listing)

    def delete_articles(self):
        with Session(self.engine) as session:
            for article in session.query(Article).filter_by(site=SITE):
                session.delete(article)
            session.commit()

    def run_ingest(self):
        argv = ["--site", SITE, "--source-file", self.listing, "--db-url", DATABASE_URL]
        with contextlib.redirect_stdout(io.StringIO()) as output:
            self.assertEqual(ingest.main(argv), 0)
        return output.getvalue()

    def test_second_run_adds_nothing(self):
        self.assertIn("2 articles stored, 2 new", self.run_ingest())
        self.assertIn("2 articles stored, 0 new", self.run_ingest())


if __name__ == "__main__":
    unittest.main()
