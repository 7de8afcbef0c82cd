-- A ring for every key of a name. (Which workers it wakes where few wait: _ring.sql.)
begin;
set local client_min_messages = error;
select plan(3);

select gendurable._ring_name('concurrency_limit', 'k'), gendurable._ring_name('rate_limit', 'k') \g /dev/null
select results_eq('select kind::text, key from gendurable.doorbells order by 1', $$
    values ('concurrency_limit', 'k' collate "C"), ('rate_limit', 'k') $$, 'the name is left for the next pick');

-- Two workers sleep; the 600 keys wait in the queue of one.
select test.connect('listener'), test.connect('app') \g /dev/null
select test.exec('listener', 'listen gendurable') as r \gset
create function pg_temp.heard() returns text language plpgsql as $$
begin
    perform test.query('listener', 'select 1');
    return (select string_agg(distinct n.extra, ' ' order by n.extra) from dblink_get_notify('listener') as n);
end
$$;
select (test.query('app', $$ select gd_register('w', '{q,p}') as w $$) #>> '{0,w}')::bigint as w \gset
select test.query('app', $$
    select count(*) from gd_enqueue_many((
        select jsonb_agg(jsonb_build_object('fsm', 'm', 'queue', 'p', 'concurrency_key', 'many:' || n % 600))
        from generate_series(1, 1200) as n)) $$) \g /dev/null
select test.query('app', format('select count(*) from gd_pick(%s, %L, 2000)', :w, q))
    from unnest('{p,q}'::text[]) as q \g /dev/null
select pg_temp.heard() \g /dev/null
select is((test.query('app', 'select gendurable._ring_name(''concurrency_limit'', ''none'')')::text is not null) || ' '
    || coalesce(pg_temp.heard(), 'nobody'), 'true p q',
    'where many keys wait all that sleep are woken, for it is not looked which of them are meant');
select test.exec('app', 'delete from gendurable.instances where concurrency_key not in (''many:1'', ''many:2'')')
    \g /dev/null
select is((test.query('app', 'select gendurable._ring_name(''concurrency_limit'', ''many'')')::text is not null) || ' '
    || coalesce(pg_temp.heard(), 'nobody'), 'true p', 'where few wait those in whose queue one does');

select * from finish();
rollback;
