-- gd_signals: an inbox, page by page.
begin;
select plan(10);

select id as a from gd_enqueue('m') \gset
select id as b from gd_enqueue('m') \gset
select gd_signal(:b, 'foreign') \g /dev/null
select gd_signal(:a, 's' || n, to_jsonb(n)) from generate_series(1, 5) as n \g /dev/null
create function pg_temp.place(p_name text) returns bigint language sql as $$
    select s.id from gendurable.signals as s where s.name = p_name $$;
create function pg_temp.names(p_id bigint, p_after bigint, p_most int) returns text language sql as $$
    select coalesce(string_agg(s.name, ' '), '-') from gd_signals(p_id, p_after, p_most) as s
$$;
select results_eq(format('select signal_id, name, payload, sent_at from gd_signals(%s)', :a),
    format('select id, name, payload, sent_at from gendurable.signals where instance_id = %s order by id', :a),
    'the inbox of one instance by arrival');
select is(pg_temp.names(:a, 0, 2), 's1 s2', 'a page');
select is(pg_temp.names(:a, pg_temp.place('s2'), 2), 's3 s4', 'the next one');
select is(pg_temp.names(:a, pg_temp.place('s4'), 2), 's5', 'the last one');
select is(pg_temp.names(:a, pg_temp.place('s5'), 2), '-', 'and none');
select is(pg_temp.names(:a, null, null), 's1 s2 s3 s4 s5', 'null means the default');
select is(pg_temp.names(:a, 0, 0), '-', 'no rows where none are asked for');
select is(pg_temp.names(-1, 0, 10), '-', 'an instance that is not there has no inbox');
select throws_ok('select gd_signals(null)', 'GD001', 'gendurable: a required argument is missing',
    'the instance has to be said');
select throws_ok('select gd_signals(1, 0, -1)', 'GD002', 'gendurable: invalid argument',
    'a page has no negative number of rows');

select * from finish();
rollback;
