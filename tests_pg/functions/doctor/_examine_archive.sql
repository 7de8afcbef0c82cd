-- Whether the partitions are there that are needed.
begin;
select plan(6);

create function pg_temp.found(p_topic text) returns text language sql as $$
    select string_agg(x.status || ': ' || x.detail, ' ' order by x.detail) from gendurable._examine_archive() as x
        where x.topic = p_topic $$;
select is(pg_temp.found('partitions'), 'warning: Table finished has none yet. warning: Table history has none yet.',
    'none yet');
select is(pg_temp.found('default partition'), 'ok: That of finished is empty. ok: That of history is empty.',
    'nothing yet');
select gd_register('w') as w \gset
select id from gd_enqueue('M') \gset
select gd_cancel(:id) \g /dev/null
select matches(pg_temp.found('default partition'), 'ok: That of finished is in use until the first window begins\.',
    'in the first window it is in use');
select count(*) from gd_maintain() \g /dev/null
select matches(pg_temp.found('partitions'), '^ok: Those of finished reach until .*ok: Those of history reach until',
    'maintenance has made some');
create table gendurable.old (like gendurable.finished);
alter table gendurable.finished attach partition gendurable.old for values from ('2020-01-01') to ('2020-01-02');
select matches(pg_temp.found('default partition'), 'warning: That of finished has rows to be moved\.',
    'what is in the default partition afterwards is to be moved');
select ok((select bool_and((x.status = 'ok') = (x.remedy is null)) from gendurable._examine_archive() as x),
    'what is well has no remedy');

select * from finish();
rollback;
