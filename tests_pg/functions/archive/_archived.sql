-- A finished instance, wherever it is kept.
begin;
select plan(7);
-- From the start, or the function is compiled without it: a backslash in a literal may be an escape.
set standard_conforming_strings = off;

do $$
begin
    for n in 1 .. 40 loop
        execute format('create table gendurable.w%1$s (like gendurable.finished); alter table gendurable.finished '
            'attach partition gendurable.w%1$s for values from (%2$L) to (%3$L)',
                       n, '2020-01-01 00:00+00'::timestamptz + n * interval '1 day',
                       '2020-01-02 00:00+00'::timestamptz + n * interval '1 day');
    end loop;
end
$$;
insert into gendurable.finished (id, enqueued_at, finished_at, fence, attempt, priority, fsm_version, failed, fsm, step,
    queue, state)
select n, now(), '2020-01-01 12:00+00'::timestamptz + n * interval '1 day', 1, 0, 0, 1, false, 'm' || n, 's', 'q',
    '{}' from generate_series(1, 41) as n;
insert into gendurable.kept select * from gendurable.finished as f where f.id = 40;
delete from gendurable.finished where id = 40;
create function pg_temp.found(p_id bigint) returns text language sql as $$
    select concat_ws(' ', a.place, (a.instance).id, (a.instance).fsm) from gendurable._archived(p_id) as a $$;
select is(pg_temp.found(7), 'gendurable.w7 7 m7', 'in its partition');
select is(pg_temp.found(41), 'gendurable.finished_default 41 m41', 'in the default one');
select is(pg_temp.found(40), 'gendurable.kept 40 m40', 'among what is kept');
select is(pg_temp.found(999), '', 'nothing, if it is not known');
commit;

-- In a session of its own, so that its locks are its own; the partitions are dropped with the database.
begin;
create function pg_temp.locks() returns int language sql as $$
    select count(*)::int from pg_locks where pid = pg_backend_pid() and relation::regclass::text like 'gendurable.%' $$;
select status from gd_status(1) \g /dev/null
select cmp_ok(pg_temp.locks(), '<=', 24, 'a look-up by id leaves few locks, however many partitions there are');
select status from gd_status(999) \g /dev/null
select cmp_ok(pg_temp.locks(), '<=', 24, 'nor does one of what is not known');
select gd_retry(1), gd_retry(999) \g /dev/null
select cmp_ok(pg_temp.locks(), '<=', 30, 'nor a retry');

select * from finish();
rollback;
