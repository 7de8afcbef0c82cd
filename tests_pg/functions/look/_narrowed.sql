-- Which searches an index answers.
begin;
\ir ../prelude.psql
select plan(19);

create function pg_temp.among(statuses text[] default null, key text default null, parent bigint default null,
    since timestamptz default null, most int default 100, prefix text default null) returns text language sql as $$
    select case when n.ids is null then 'all'
        else coalesce((select string_agg(m.fsm, ' ' order by m.id) from unnest(n.ids) as i (id) join made as m
            on m.id = i.id), '-') end
    from gendurable._narrowed(statuses, key, prefix, parent, since, most) as n (ids)
$$;
select pg_temp.put('done', '{"correlation_key": "k"}'),
    pg_temp.put('failed', '{"correlation_key": "k", "correlation_scope": ["executing"]}'),
    pg_temp.put('runs', '{"correlation_key": "k2"}'), pg_temp.put('parent') \g /dev/null
select pg_temp.pick(4) \g /dev/null
select pg_temp.commit('done', 'done'), pg_temp.commit('failed', 'stop'),
    pg_temp.commit('parent', 'schedule_children', '{"children": [{"fsm": "child"}]}') \g /dev/null
insert into made select 'child', i.id from gendurable.instances as i where i.fsm = 'child';
select pg_temp.put('signal'), pg_temp.pick(2) \g /dev/null
select pg_temp.commit('signal', 'await', '{"names": ["x"]}') \g /dev/null
select pg_temp.put('ready', '{"correlation_key": "k"}'),
    pg_temp.put('later', '{"delay": "1 hour", "correlation_key": "k3", "correlation_scope": []}') \g /dev/null
update gendurable.finished set finished_at = now() - interval '1 hour' where fsm = 'failed';

select is(pg_temp.among(), 'all', 'nothing is asked for');
select is(pg_temp.among('{done}'), 'all', 'no index has what is done');
select is(pg_temp.among('{done,failed}'), 'all', 'nor with something else');
select is(pg_temp.among('{runnable}'), 'ready later', 'what is runnable, in every phase');
select is(pg_temp.among('{executing}'), 'runs child', 'what executes');
select is(pg_temp.among('{awaiting_signal}'), 'signal', 'what waits for signals');
select is(pg_temp.among('{awaiting_signal,awaiting_children,executing}'), 'runs parent child signal',
    'several statuses');
select is(pg_temp.among('{failed}'), 'failed', 'what has failed');
select is(pg_temp.among('{failed}', since => now() - interval '1 minute'), '-',
    'what has failed before is not younger');
select is(pg_temp.among('{}'), 'all', 'no status at all');
select is(pg_temp.among(key => 'k'), 'done failed ready', 'by key: the occupant, and all that finished');
select is(pg_temp.among(key => 'k3'), 'later', 'by key: what is not addressed by it');
select is(pg_temp.among(parent => pg_temp.id('parent')), 'child', 'children');
select is(pg_temp.among(prefix => 'k2'), 'runs', 'by the beginning of a key');
select is(pg_temp.among('{runnable}', prefix => 'k2'), 'runs', '… whatever the status, which is up to the caller');
select is(pg_temp.among(prefix => 'k', most => 3), 'all', '… unless these are too many');
select is(pg_temp.among('{executing}', prefix => 'k', most => 3), 'runs child', '… then by status');
select is(pg_temp.among(prefix => ''), 'all', 'every key begins with nothing');
select is(pg_temp.among('{runnable}', most => 1), 'all', 'too many');

select * from finish();
rollback;
