"""Celery application: RabbitMQ as broker, Postgres as result backend.

Start a worker with

    celery -A crawler.celery_app worker --loglevel=INFO
"""
import os

from celery import Celery

from crawler.config import int_env

BROKER_URL = os.getenv(
    "CRAWLER_CELERY_BROKER_URL", "amqp://crawl_user:crawl_password@rabbitmq:5672//"
)
RESULT_BACKEND = os.getenv(
    "CRAWLER_CELERY_RESULT_BACKEND",
    "db+postgresql://crawl_user:crawl_password@postgres:5432/crawl_db",
)

# Eager mode runs tasks in the calling process: smoke tests without RabbitMQ.
ALWAYS_EAGER = os.getenv("CRAWLER_CELERY_ALWAYS_EAGER", "0") == "1"


def build_engine_options():
    """SQLAlchemy options of the result backend.

    Celery drops every ``pool*`` option before a worker forks and passes the
    others on unchanged, so ``max_overflow`` cannot be set here.
    """
    return {
        "pool_size": int_env("CRAWLER_DB_POOL_SIZE", 5),
        "pool_recycle": 1800,
        "pool_pre_ping": True,
    }


app = Celery("crawler", broker=BROKER_URL, backend=RESULT_BACKEND)
app.conf.update(
    imports=["crawler.tasks"],
    task_serializer="json",
    result_serializer="json",
    accept_content=["json"],
    timezone="Asia/Ho_Chi_Minh",
    task_track_started=True,
    task_acks_late=True,
    task_always_eager=ALWAYS_EAGER,
    task_store_eager_result=ALWAYS_EAGER,
    result_expires=7 * 24 * 3600,
    result_extended=True,
    database_engine_options=build_engine_options(),
    database_table_names={
        "task": "celery_task_result",
        "group": "celery_group_result",
    },
    worker_prefetch_multiplier=1,
)
