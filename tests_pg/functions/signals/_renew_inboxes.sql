-- What moves to a new inbox, and when.
begin;
select plan(7);

insert into gendurable.instances (id, enqueued_at, eligible_at, updated_at, phase, step, state, priority, fsm_version,
    fsm, queue, signalled, inbox)
overriding system value
select n, now(), now(), now(), 'executing', 's', '{}', 0, 1, 'm', 'q', true, case n when 3 then 65535 else n end
    from generate_series(1, 4) as n;
insert into gendurable.signals (id, inbox, instance_id, sent_at, name, payload, presented)
select 10 * i + n, gendurable._inbox_key(i, case i when 3 then 65535 else i end), i, now(), 'n', to_jsonb(n),
    n from (values (2, 2), (3, 1), (4, 6336)) as v (i, n_of), generate_series(1, n_of) as n;
create function pg_temp.signals(p_id bigint) returns text language sql as $$
    select i.inbox || ':' || coalesce(string_agg(s.id || ' ' || s.payload || ' ' || s.presented, ', ' order by s.id),
        '')
    from gendurable.instances as i left join gendurable.signals as s on s.inbox = gendurable._inbox_key(i.id, i.inbox)
        where i.id = p_id group by i.id
$$;
create procedure pg_temp.renew(p_id bigint, p_times int) language plpgsql as $$
declare
    v_was int := (select i.inbox from gendurable.instances as i where i.id = p_id);
begin
    while p_times > 0 and (select i.inbox = v_was from gendurable.instances as i where i.id = p_id) loop
        perform gendurable._renew_inboxes(array[p_id]);
        p_times := p_times - 1;
    end loop;
end
$$;
select gendurable._renew_inboxes('{1}') \g /dev/null
select is(pg_temp.signals(1), '2:', 'an empty inbox is renewed whenever it is asked for');
select is(pg_temp.signals(2), '2:21 1 1, 22 2 2', 'another one is not');
call pg_temp.renew(2, 1000);
select is(pg_temp.signals(2), '3:21 1 1, 22 2 2', 'what is left moves with it, as it is');
call pg_temp.renew(3, 1000);
select is(pg_temp.signals(3), '65536:31 1 1', 'the number goes on');
select is((select count(distinct inbox) from gendurable.signals where instance_id in (2, 3)), 2::bigint,
    'nothing stays behind');
select setseed(0.25) \g /dev/null
select gendurable._renew_inboxes('{4}') from generate_series(1, 5) \g /dev/null
select matches(pg_temp.signals(4), '^4:', 'a large inbox is seldom moved: once in a hundred times here');
call pg_temp.renew(4, 3000);
select matches(pg_temp.signals(4), '^5:', 'but in the end it is');

select * from finish();
rollback;
