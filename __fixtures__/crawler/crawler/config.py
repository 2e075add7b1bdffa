"""Settings shared by the command line and the Celery workers."""
import os

DEFAULT_DATABASE_URL = "postgresql://crawl_user:crawl_password@postgres:5432/crawl_db"

USER_AGENT = "news-crawler/1.0 (+https://example.com/crawler)"


def int_env(name, default):
    value = os.getenv(name, "").strip()
    return int(value) if value else default


def database_url():
    """CRAWLER_DATABASE_URL, then DATABASE_URL, then the compose default."""
    return os.getenv("CRAWLER_DATABASE_URL") or os.getenv(
        "DATABASE_URL", DEFAULT_DATABASE_URL
    )


def engine_options():
    """Keyword arguments for every create_engine() call of the crawler."""
    return {
        "pool_size": int_env("CRAWLER_DB_POOL_SIZE", 5),
        "max_overflow": int_env("CRAWLER_DB_MAX_OVERFLOW", 10),
        "pool_pre_ping": True,
    }
