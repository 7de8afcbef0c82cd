-- gd_resume: a queue goes on, and the workers that sleep are told.
begin;
\ir ../prelude.psql
select plan(9);

select pg_temp.put('1'), gd_pause('q'), gd_pause('a') \g /dev/null
select is(pg_temp.pick(1), '-', 'paused');
select gd_resume(queue => 'q') \g /dev/null
select is(pg_temp.pick(1), '1', 'it goes on');
select is((select string_agg(queue, ' ') from gd_queues where paused), 'a', 'others stay as they are');
select lives_ok($$ select gd_resume('q') $$, 'a queue that is not paused');
select is(pg_temp.refusal('select gd_resume(null)'), 'GD001 queue is required', 'a queue is required');
select is(pg_temp.refusal($$ select gd_resume('') $$), 'GD001 queue is required', 'an empty one is none');
select matches(pg_temp.refusal($$ select gd_resume(repeat('é', 501)) $$), '^GD002 queue is longer than 1,000 bytes',
    'a queue has at most 1,000 bytes');

-- A notification is sent at commit: sessions of their own.
select test.connect('listener'), test.connect('app') \g /dev/null
select test.exec('listener', 'listen gendurable') as r \gset
create function pg_temp.heard() returns text language plpgsql as $$
begin
    perform test.query('listener', 'select 1');
    return (select string_agg(n.extra, ' ' order by n.extra) from dblink_get_notify('listener') as n);
end
$$;
select (test.query('app', $$ select gd_register('w', '{s,t}') as w $$) #>> '{0,w}')::bigint as w \gset
select test.query('app', format('select gd_pick(%s, %L, 1)', :w, 's')), test.query('app', $$ select gd_pause('s') $$),
    test.query('app', $$ select gd_pause('t') $$), pg_temp.heard() \g /dev/null
select is((test.query('app', $$ select gd_resume('s') $$) is not null) || ' ' || pg_temp.heard(), 'true s',
    'a worker that sleeps beside the queue is told');
select test.query('app', $$ select gd_resume('t') $$) \g /dev/null
select is(pg_temp.heard(), null, 'if one does');

select * from finish();
rollback;
