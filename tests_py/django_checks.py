"""What the app for Django promises, in the project of the example; test_django runs it.

manage.py test --pattern django_checks.py
"""

from __future__ import annotations

from typing import Any

from django.contrib.auth.models import Permission, User
from django.db import IntegrityError, connection, connections, transaction
from django.db.models.functions import TruncDate
from django.test import TestCase
from django.utils import timezone
from orders.models import Order, Product

from gendurable import (
    Await,
    Context,
    Done,
    Machine,
    Next,
    Outcome,
    RetryPolicy,
    enqueue,
    signal,
    status,
    step,
    wait,
)
from gendurable.contrib.django import database
from gendurable.contrib.django.test import TransactionTestCase, drain, running

SEEN: list[Any] = []


class Writes(Machine[dict[str, Any]]):
    """Writes through the ORM in a transactional step, in the way that its state says."""

    retry = RetryPolicy(max_attempts=1)

    @step(transactional=True)
    def start(self, ctx: Context[dict[str, Any]]) -> Outcome:
        how = ctx.state["how"]
        Product.objects.create(sku=how, stock=1)
        transaction.on_commit(lambda: SEEN.append((how, Product.objects.count())))
        if how == "fails":
            raise ValueError(how)
        if how == "nested":
            try:
                with transaction.atomic():
                    transaction.on_commit(lambda: SEEN.append("never"))
                    Product.objects.create(sku=how, stock=1)
            except IntegrityError:
                pass
        if how == "broken":
            try:
                with transaction.atomic(savepoint=False):
                    raise ValueError(how)
            except ValueError:
                pass
        if how == "clashes":
            Product.objects.create(sku=how, stock=1)
        if how == "types":
            order = Order.objects.create(
                product_id=how, quantity=1, details={"a": [1, None]}, shipped_at=timezone.now()
            )
            order.refresh_from_db()
            assert order.details == {"a": [1, None]}
            assert order.shipped_at.tzinfo is not None
            assert Order.objects.filter(details__a=[1, None]).count() == 1
            day = Order.objects.annotate(day=TruncDate("shipped_at")).get().day
            assert day == timezone.localtime(order.shipped_at).date()
            assert [one.pk for one in Order.objects.iterator(chunk_size=1)] == [order.pk]
            with connection.cursor() as cursor:
                cursor.execute("select %s::jsonb, current_setting('TimeZone')", ['{"b": 1}'])
                assert cursor.fetchone() == ('{"b": 1}', "UTC")
            assert ctx.conn.execute("select '{\"b\": 1}'::jsonb").fetchone() == ({"b": 1},)
            rows = ctx.conn.execute("select count(*) from orders_order").fetchone()
            assert rows == (1,)
        enqueue(connection, "Follows", queue="other")
        return Done(Product.objects.count())


class Plain(Machine[Any]):
    """Uses the ORM in steps that are not transactional."""

    @step
    def start(self, ctx: Context[Any]) -> Outcome:
        assert ctx.lent is None
        with connection.cursor() as cursor:
            cursor.execute("select pg_backend_pid()")
            SEEN.append(cursor.fetchone()[0])
        Product.objects.create(sku=f"plain {ctx.id}", stock=1)
        return Await("go", step=self.again)

    @step
    def again(self, ctx: Context[Any]) -> Outcome:
        return Next(self.asynchronous, Product.objects.count())

    @step
    async def asynchronous(self, ctx: Context[Any]) -> Outcome:
        product = await Product.objects.aget(sku=f"plain {ctx.id}")
        product.stock = 5
        await product.asave()
        return Done(await Product.objects.acount())


MACHINES = [Writes, Plain]


def run(how: str) -> Any:
    """Have a worker run one of the machine above, and say how it ended."""
    with running(MACHINES):
        started = enqueue(connection, Writes, {"how": how}).id
        return wait(connection, started, timeout=60)


class StepsTest(TransactionTestCase):
    def setUp(self) -> None:
        SEEN.clear()

    def follows(self) -> int:
        with connection.cursor() as cursor:
            cursor.execute("select count(*) from gd_instances where fsm = 'Follows'")
            return int(cursor.fetchone()[0])

    def test_what_the_orm_writes_is_committed_with_the_outcome(self) -> None:
        self.assertEqual(run("plain").result, 1)
        self.assertEqual(Product.objects.count(), 1)
        self.assertEqual(self.follows(), 1)
        self.assertEqual(SEEN, [("plain", 1)], "on_commit ran, and saw what was committed")

    def test_what_the_orm_writes_goes_with_a_step_that_fails(self) -> None:
        for how in ("fails", "clashes", "broken"):
            with self.subTest(how):
                self.assertEqual(run(how).status, "failed")
                self.assertEqual(Product.objects.count(), 0)
                self.assertEqual(self.follows(), 0)
        self.assertEqual(SEEN, [])

    def test_a_block_that_fails_takes_back_its_own_part(self) -> None:
        self.assertEqual(run("nested").result, 1)
        self.assertEqual(SEEN, [("nested", 1)])

    def test_types_cursors_and_zones_are_django_s_and_those_of_ctx_conn_psycopg_s(self) -> None:
        self.assertEqual(run("types").error, None)

    def test_a_connection_that_is_lost_between_steps_is_not_used_again(self) -> None:
        try:
            with (
                self.assertNoLogs("gendurable", "WARNING"),
                running(MACHINES, queues={"default": 1}),
            ):
                connections["default"].settings_dict["CONN_MAX_AGE"] = 600
                started = enqueue(connection, Plain, {}).id
                wait(connection, started, until="awaiting_signal", timeout=60)
                with connection.cursor() as cursor:
                    cursor.execute("select pg_terminate_backend(%s, 60000)", [SEEN[-1]])
                signal(connection, started, "go")
                found = wait(connection, started, timeout=60)
            assert found is not None
            self.assertEqual((found.status, found.attempt, found.result), ("done", 0, 1))
            self.assertEqual(Product.objects.get().stock, 5)
        finally:
            connections["default"].settings_dict["CONN_MAX_AGE"] = 0
            with connection.cursor() as cursor:  # Those of the threads, which are kept.
                cursor.execute(
                    "select pg_terminate_backend(pid, 60000) from pg_stat_activity"
                    " where datname = current_database() and pid <> pg_backend_pid()"
                )

    def test_async_steps_use_the_orm_s_async_calls(self) -> None:
        with running(MACHINES):
            started = enqueue(connection, Plain, {}).id
            signal(connection, started, "go")
            found = wait(connection, started, timeout=60)
        assert found is not None
        self.assertEqual(found.result, 1)

    def test_the_dsn_leads_to_the_same_database(self) -> None:
        self.assertIn(f"dbname={connection.settings_dict['NAME']}", database.dsn())
        options = connection.settings_dict["OPTIONS"]
        options |= {"assume_role": "pg read", "options": "-c statement_timeout=7s"}
        try:
            said = database.dsn()
            self.assertIn("-c statement_timeout=7s -c role=pg\\\\ read", said)
        finally:
            options.clear()


class DrainTest(TestCase):
    """In the transaction of a TestCase."""

    def test_the_orm_of_a_step_sees_what_the_test_has_written_and_the_other_way_round(self) -> None:
        SEEN.clear()
        Product.objects.create(sku="mine", stock=1)
        started = enqueue(connection, Writes, {"how": "plain"}).id
        with self.captureOnCommitCallbacks() as callbacks:
            self.assertEqual([ran.step for ran in drain(MACHINES)], ["start"])
        self.assertEqual(len(callbacks), 1)
        self.assertEqual(SEEN, [])
        found = status(connection, started)
        assert found is not None
        self.assertEqual(found.result, 2)
        self.assertEqual(Product.objects.count(), 2)

    def test_what_a_failing_step_has_written_is_taken_back_and_the_test_goes_on(self) -> None:
        for how in ("fails", "clashes"):
            enqueue(connection, Writes, {"how": how})
            drain(MACHINES)
            self.assertEqual(Product.objects.count(), 0)

    def test_a_step_that_is_not_transactional_writes_in_the_test_s_transaction(self) -> None:
        enqueue(connection, Plain, {})
        drain(MACHINES)
        self.assertEqual(Product.objects.count(), 1)


class AdminTest(TestCase):
    """The pages of instances."""

    def setUp(self) -> None:
        self.failed = enqueue(connection, Writes, {"how": "fails"}, correlation_key="bad:1").id
        drain(MACHINES)
        self.live = enqueue(connection, Plain, {}, correlation_key="good:1", queue="slow").id

    def log_in(self, *permissions: str) -> None:
        user = User.objects.create_user("ada", password="x", is_staff=True)
        user.user_permissions.set(Permission.objects.filter(codename__in=permissions))
        self.client.force_login(user)

    def listed(self, query: str = "") -> list[int]:
        page = self.client.get(f"/admin/gendurable/instance/{query}")
        self.assertEqual(page.status_code, 200)
        return [one.pk for one in page.context["cl"].result_list]

    def act(self, action: str, *ids: int) -> Any:
        return self.client.post(
            "/admin/gendurable/instance/",
            {"action": action, "_selected_action": ids},
            follow=True,
        )

    def test_instances_are_listed_filtered_and_searched(self) -> None:
        self.log_in("view_instance")
        self.assertEqual(self.listed(), [self.live, self.failed])
        self.assertEqual(self.listed("?status=failed"), [self.failed])
        self.assertEqual(self.listed("?queue=slow"), [self.live])
        self.assertEqual(self.listed("?q=bad"), [self.failed])
        self.assertEqual(self.listed("?q=nothing"), [])
        self.assertEqual(self.listed(f"?before={self.live}"), [self.failed])

    def test_pages_follow_one_another(self) -> None:
        self.log_in("view_instance")
        more = [enqueue(connection, Plain, {}).id for _ in range(120)]
        page = self.client.get("/admin/gendurable/instance/?status=runnable")
        first = [one.pk for one in page.context["cl"].result_list]
        self.assertEqual(first, more[:19:-1])
        rest = self.listed(page.context["cl"].older())
        self.assertEqual(rest, [*more[19::-1], self.live])

    def test_one_is_shown_with_its_timeline_and_why_it_does_not_run(self) -> None:
        self.log_in("view_instance")
        page = self.client.get(f"/admin/gendurable/instance/{self.failed}/change/")
        self.assertContains(page, "Timeline")
        self.assertContains(page, "ValueError")
        self.assertNotContains(page, "cancel_instances")
        page = self.client.get(f"/admin/gendurable/instance/{self.live}/change/")
        self.assertContains(page, "Why it does not run")

    def test_who_may_change_instances_retries_and_cancels_them(self) -> None:
        self.log_in("view_instance", "change_instance")
        page = self.client.get(f"/admin/gendurable/instance/{self.failed}/change/")
        self.assertContains(page, "cancel_instances")
        self.assertNotContains(page, 'name="_save"')
        self.assertContains(self.act("retry_instances", self.failed), "Retry: 1 retried")
        page = self.act("cancel_instances", self.failed, self.live)
        self.assertContains(page, "Cancel: 2 cancelled")
        found = status(connection, self.live)
        assert found is not None
        self.assertEqual(found.error["reason"], "by ada in the admin")
        self.assertContains(self.act("cancel_instances", self.live), "Cancel: 1 no_target")

    def test_who_may_only_look_does_nothing(self) -> None:
        self.log_in("view_instance")
        self.act("cancel_instances", self.live)
        found = status(connection, self.live)
        assert found is not None
        self.assertEqual(found.status, "runnable")
        for url in ("add/", f"{self.live}/delete/"):
            self.assertEqual(self.client.get(f"/admin/gendurable/instance/{url}").status_code, 403)
        self.client.logout()
        self.assertEqual(self.client.get("/admin/gendurable/instance/").status_code, 302)

    def test_a_list_costs_the_same_number_of_queries_however_long_it_is(self) -> None:
        self.log_in("view_instance")
        self.listed()
        with self.assertNumQueries(7):
            self.listed()
        for _ in range(50):
            enqueue(connection, Plain, {})
        with self.assertNumQueries(7):
            self.listed()
