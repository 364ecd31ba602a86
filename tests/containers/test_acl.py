"""deploy/redis.acl is in force: a service hears its own mailbox and speaks on its own channel, and does nothing else."""
import pytest


def redis_cli(stack, *words, user="echo", password="echo-secret"):
    login = ["--user", user, "--pass", password, "--no-auth-warning"] if user else []
    done = stack.inside("redis", "redis-cli", *login, *words)
    return done.stdout + done.stderr


@pytest.mark.parametrize("words", [
    ("GET", "xmpp:{alice@localhost}:account"),
    ("HGETALL", "xmpp:{alice@localhost}:account"),
    ("KEYS", "*"),
    ("SCAN", "0"),
    ("SET", "xmpp:{alice@localhost}:account", "x"),
    ("CONFIG", "GET", "*"),
    ("ACL", "LIST"),
    ("FLUSHALL",),
    ("SUBSCRIBE", "xmpp:to:{alice@localhost}"),
    ("SUBSCRIBE", "xmpp:stanza:message"),
    ("PSUBSCRIBE", "*"),
    ("PUBLISH", "xmpp:to:{echo.localhost}", "x"),
    ("PUBLISH", "xmpp:from:{other.localhost}", "x"),
], ids=" ".join)
def test_echo_user_may_not(stack, words):
    assert "NOPERM" in redis_cli(stack, *words)


def test_who_does_not_log_in_is_nobody(stack):
    assert "NOAUTH" in redis_cli(stack, "PING", user=None)


def test_wrong_password(stack):
    assert "WRONGPASS" in redis_cli(stack, "PING", password="wrong")


def test_echo_user_may_ping(stack):
    assert redis_cli(stack, "PING").strip() == "PONG"
