-- Tables of the history are looked through in slices.
begin;
select plan(9);
create function pg_temp.note(first int, last int, at timestamptz) returns void language sql as $$
    insert into gendurable.history (instance_id, at, fence, attempt, event, step) select n, note.at, 1, 0, 'stop',
        's' from generate_series(first, last) as n
$$;
create function pg_temp.ids(place regclass) returns text language plpgsql as $$
declare
    v_ids text;
begin
    execute format('select string_agg(h.instance_id::text, '' '' order by h.instance_id) from %s as h',
        place) into v_ids;
    return coalesce(v_ids, '-');
end
$$;
select pg_temp.note(1, 2, now() - interval '2 days'), pg_temp.note(3, 4, now()) \g /dev/null
select is(pg_temp.ids('gendurable.history_default'), '1 2 3 4', 'where there is no partition, the default one has all');
select is(gendurable._sift_history('gendurable.history_default', now() - interval '1 day', true), false,
    'it is soon looked through');
select is(pg_temp.ids('gendurable.history_default') || ' / ' || pg_temp.ids('gendurable.history_kept'), '- / 3 4',
    'what is old is forgotten, the rest moves');
select gendurable._sift_history('gendurable.history_kept', now() - interval '1 day', false) \g /dev/null
select is(pg_temp.ids('gendurable.history_kept'), '3 4', 'what has moved stays for its time');
select gendurable._sift_history('gendurable.history_kept', now() + interval '1 s', false) \g /dev/null
select is(pg_temp.ids('gendurable.history_kept'), '-', 'and is forgotten then');
select is_empty('select from gendurable.progress', 'nothing is left to note');

-- A flood.
select pg_temp.note(1, 100000, now()) \g /dev/null
select is(gendurable._sift_history('gendurable.history_default', now() - interval '1 day', true), true,
    'a call does a part of many, and says that some are left');
select ok((select p.position::int % 64 = 0 and p.position::int > 0 from gendurable.progress as p
    where p.task = 'gendurable.history_default'), 'it notes where it stopped');
do $$ begin while gendurable._sift_history('gendurable.history_default', now() - interval '1 day', true) loop null;
    end loop; end $$;
select is((select count(*) from gendurable.history_kept), 100000::bigint, 'the calls after it go on there');

select * from finish();
rollback;
