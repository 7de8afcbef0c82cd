-- plpgsql_check finds nothing to say about any function of the engine; its warnings are failures too.
select count(*) = 0 as missing from pg_available_extensions where name = 'plpgsql_check' \gset
\if :missing
    \echo 1..0 # SKIP this server has no plpgsql_check
    \q
\endif
begin;
select plan(2);

-- What we disagree with, and why.
create temp table accepted (function text, message text, reason text);
insert into accepted values
    ('gendurable._refuse', 'routine is marked as VOLATILE, should be IMMUTABLE',
        'it only raises; a planner that evaluated it early would raise where nothing is wrong'),
    ('gendurable._create_partitions', 'routine is marked as VOLATILE, should be STABLE',
        'it creates, in a statement that it builds'),
    ('gendurable._drop_partitions', 'routine is marked as VOLATILE, should be STABLE',
        'it drops, in a statement that it builds'),
    ('gendurable._lock_partition', 'routine is marked as VOLATILE, should be STABLE',
        'it locks, in a statement that it builds'),
    ('gendurable._truncate', 'routine is marked as VOLATILE, should be STABLE',
        'it truncates, in a statement that it builds'),
    ('gendurable._renew_statistics', 'routine is marked as VOLATILE, should be STABLE',
        'it analyses, in a statement that it builds'),
    ('gendurable._archived', 'cannot determinate a result of dynamic SQL',
        'each table of the archive has the columns of finished'),
    ('gendurable._revive', 'cannot determinate a result of dynamic SQL',
        'each table of the archive has the columns of finished'),
    ('gendurable._archived', 'composite OUT variable "instance" is not single argument',
        'it answers the table as well'),
    ('gendurable._parse_cron', 'composite OUT variable "plan" is not single argument',
        'it answers what is wrong as well'),
    ('gendurable._holders_leaving', 'routine is marked as VOLATILE, should be STABLE',
        'it locks rows; and each of its statements needs a snapshot of its own'),
    ('gendurable._lock_descendants', 'routine is marked as VOLATILE, should be STABLE',
        'it locks rows; and each of its statements needs a snapshot of its own'),
    ('gendurable._lock_targets', 'routine is marked as VOLATILE, should be STABLE',
        'it locks rows; and each of its statements needs a snapshot of its own'),
    ('gendurable._lock_parents', 'routine is marked as VOLATILE, should be STABLE',
        'it locks rows; and each of its statements needs a snapshot of its own');

create temp table finding as
select f.oid::regprocedure::text as function, c.lineno, c.level, c.message, c.query
from pg_proc as f
join pg_language as l on l.oid = f.prolang and l.lanname = 'plpgsql'
join pg_namespace as n on n.oid = f.pronamespace
left join pg_trigger as t on t.tgfoid = f.oid and not t.tgisinternal
cross join lateral plpgsql_check_function_tb(f.oid, coalesce(t.tgrelid, 0),
    fatal_errors => false, all_warnings => true) as c
where n.nspname = 'gendurable' or n.nspname = 'public' and f.proname like 'gd\_%';

select is_empty($$
    select f.function, f.lineno, f.level, f.message, f.query
    from finding as f
    where not exists (
        select from accepted as a where f.function like a.function || '(%' and f.message like a.message)
    order by f.function, f.lineno
$$, 'plpgsql_check has no error and no warning');

select is_empty($$
    select a.function, a.message from accepted as a
    where not exists (select from finding as f where f.function like a.function || '(%' and f.message like a.message)
$$, 'every exception is still needed');

select * from finish();
rollback;
