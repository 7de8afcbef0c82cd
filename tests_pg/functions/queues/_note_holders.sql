-- What executes of a queue with a limit is noted, in one row.
begin;
select plan(4);

select gd_set_queue_limit('q', 3), gd_set_queue_limit('r', 3) \g /dev/null
create function pg_temp.noted() returns text language sql as $$
    select string_agg(format('%s %s %s %s', h.queue, h.seq, h.ids,
        h.limit_id = (select q.limit_id from gendurable.queues as q where q.name = h.queue)), ', ' order by h.queue,
        h.seq) from gendurable.holders as h
$$;
select gendurable._note_holders('q', '{1,2}'), gendurable._note_holders('r', '{3}') \g /dev/null
select is(pg_temp.noted(), 'q 1 {1,2} t, r 1 {3} t', 'the first');
select gendurable._note_holders('q', '{2}') \g /dev/null
select is(pg_temp.noted(), 'q 2 {2} t, r 1 {3} t', 'the next one takes the place of the one before');
select gd_set_queue_limit('q', 4) \g /dev/null
select is(pg_temp.noted(), 'q 2 {2} f, r 1 {3} t', 'under another limit it is void');
select gendurable._note_holders('q', '{}') \g /dev/null
select is(pg_temp.noted(), 'q 3 {} t, r 1 {3} t', 'until there is a new one');

select * from finish();
rollback;
