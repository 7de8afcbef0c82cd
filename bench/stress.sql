-- What bench/stress.py adds to a database under stress: triggers that keep books, and the invariants.
--
-- The books are written by the transactions under test themselves, so they hold exactly what was committed. A violation
-- is a row in stress.violations; nothing is raised, so that the run goes on and shows what a violation leads to.
create schema stress;
create sequence stress.book as bigint;    -- one order for both books

create unlogged table stress.log (
    seq        bigint      primary key default nextval('stress.book'),
    xid        xid8        not null default pg_current_xact_id(),
    at         timestamptz not null default clock_timestamp(),
    id         bigint      not null,
    event      text        not null,    -- born, moved, gone: live; archived, forgotten: finished
    phase_from text,
    phase_to   text,
    fence      bigint,
    worker     bigint,
    attempt    int,
    left_fence   bigint,                -- before it moved
    left_attempt int,
    fsm        text,                    -- at birth
    key        text,
    rate       text,
    weight     float8,
    parent     bigint,
    round      int,                     -- of the parent, at birth
    own_round  int
);
create index log_id on stress.log (id);
create index log_parent on stress.log (parent, round) where parent is not null;

-- What left an inbox, or counts as not presented again.
create unlogged table stress.consumed (
    xid  xid8   not null default pg_current_xact_id(),
    id   bigint not null,
    name text   not null
);

-- Every state of every bucket, with the policy that was in force.
create unlogged table stress.ledger (
    seq         bigint      primary key default nextval('stress.book'),
    xid         xid8        not null default pg_current_xact_id(),
    at          timestamptz not null default clock_timestamp(),
    event       text        not null,   -- tokens, swept, dropped
    key         text        not null,
    tokens      float8,
    refilled_at timestamptz,
    allowed     float8,
    period      interval,
    burst       float8
);

-- Rounds that need not wait for their last child.
create unlogged table stress.races (parent_id bigint not null, round int not null, kind gendurable.join_kind not null,
    joined boolean not null default false,
                                  primary key (parent_id, round));

create unlogged table stress.violations (
    seq       bigint generated always as identity primary key,
    at        timestamptz not null default clock_timestamp(),
    invariant text        not null,
    id        bigint,
    detail    text
);

-- The occurrences of schedules that have created an instance.
create unlogged table stress.fired (schedule text not null, at timestamptz not null, primary key (schedule, at));

-- What was noted in the history, by the transaction that noted it.
create unlogged table stress.told (
    xid        xid8        not null default pg_current_xact_id(),
    id         bigint      not null,
    fence      bigint      not null,
    event      text        not null,
    step       text        not null,
    worker     text,
    at         timestamptz not null,
    started_at timestamptz
);
create index told_id on stress.told (id);

create function stress.watch_history() returns trigger language plpgsql as $$
begin
    insert into stress.told (id, fence, event, step, worker, at, started_at)
    values (new.instance_id, new.fence, new.event, new.step, new.worker, new.at, new.started_at);
    return null;
end
$$;
create trigger watch after insert on gendurable.history for each row execute function stress.watch_history();

create function stress.watch_instance() returns trigger language plpgsql as $$
declare
    v_bad text;
begin
    if tg_op = 'INSERT' then
        insert into stress.log (id, event, phase_to, fence, key, rate, weight, parent, round, fsm)
        values (new.id, 'born', new.phase, new.fence, new.concurrency_key, new.rate_limit, new.weight, new.parent_id,
            new.parent_round, new.fsm);
        -- A parent that was revived when the children of a round were forgotten may take its number once more.
        delete from stress.races as r where r.parent_id = new.id and r.round > new.round;
        if new.fence = 0 and new.state ? 'occurrence' then
            insert into stress.fired (schedule, at)
                values (new.state ->> 'schedule', (new.state ->> 'occurrence')::timestamptz) on conflict do nothing;
            if not found then
                insert into stress.violations (invariant, id, detail)
                    values ('an occurrence created two instances', new.id, new.state::text);
            elsif new.eligible_at <> (new.state ->> 'occurrence')::timestamptz then
                insert into stress.violations (invariant, id, detail)
                    values ('an instance is not eligible at its occurrence', new.id, to_jsonb(new)::text);
            end if;
        end if;
        return null;
    elsif tg_op = 'DELETE' then
        insert into stress.log (id, event, phase_from, fence, left_fence, worker)
            values (old.id, 'gone', old.phase, old.fence, old.fence, old.worker_id);
        return null;
    end if;

    if old.phase <> new.phase or old.fence <> new.fence then
        insert into stress.log (id, event, phase_from, phase_to, fence, worker, attempt, left_fence, left_attempt, key,
            rate, weight, own_round)
        values (new.id, 'moved', old.phase, new.phase, new.fence, coalesce(new.worker_id, old.worker_id), new.attempt,
            old.fence, old.attempt, new.concurrency_key,
                new.rate_limit, new.weight, new.round);
    end if;
    if old.phase = 'awaiting_children' and new.phase <> old.phase then
        update stress.races as r set joined = true where r.parent_id = new.id and r.round = new.round;
    end if;
    v_bad := case
        when new.fence < old.fence then 'the fence went back'
        when new.fence > old.fence + 1 and not (new.phase = 'executing' and old.phase <> 'executing')
            then 'the fence jumped'
        when old.phase <> 'executing' and (new.fence > old.fence) <> (new.phase = 'executing')
            then 'a fence without a claim'
        when old.phase = 'executing' and new.phase = 'executing' and new.worker_id <> old.worker_id
            then 'a claim changed hands'
        when new.phase = 'executing' and old.phase not in ('ready', 'executing')
            and (old.phase <> 'throttled' or old.concurrency_key is not null) then 'claimed out of ' || old.phase
        when old.phase in ('awaiting_signal', 'awaiting_children') and new.phase not in (old.phase, 'ready', 'held')
            then 'woken to ' || new.phase
        when new.phase in ('awaiting_signal', 'awaiting_children') and old.phase not in (new.phase, 'executing')
            then 'parked out of ' || old.phase
        when (new.phase = 'executing') <> (new.worker_id is not null) then 'a claim without a worker, or the reverse'
        when new.phase = 'held' and new.concurrency_key is null then 'held without a key'
        when new.phase = 'throttled' and new.rate_limit is null then 'throttled without a rate limit'
        when old.phase = 'awaiting_children' and new.phase <> old.phase
             and exists (select from gendurable.instances as c
                         where c.parent_id = new.id and c.parent_round = new.round and not c.counted)
             and not exists (select from stress.races as r
                             join gendurable.archive as f
                                 on f.parent_id = r.parent_id and f.parent_round = r.round
                                 and f.failed = (r.kind = 'first_failure')
                             where r.parent_id = new.id and r.round = new.round) then 'joined before its last child'
        when old.phase = 'ready' and new.phase = 'executing' and new.rate_limit is not null
             and not exists (select from gendurable.rate_limits as l where l.name = split_part(new.rate_limit, ':', 1))
            then 'started under an unknown rate limit'
    end;
    if v_bad is not null then
        insert into stress.violations (invariant, id, detail)
            values (v_bad, new.id, format('%s -> %s', to_jsonb(old), to_jsonb(new)));
    end if;
    return null;
end
$$;
create trigger watch after insert or update or delete on gendurable.instances
    for each row execute function stress.watch_instance();

-- Limits that were replaced, and when.
create unlogged table stress.limits (at timestamptz not null default clock_timestamp(), name text not null,
    max_executing int not null);

create function stress.watch_limit() returns trigger language plpgsql as $$
begin
    if tg_op = 'INSERT' then
        insert into stress.limits (name, max_executing) values (new.name, 1);    -- what it was without a limit
    else
        insert into stress.limits (name, max_executing) values (old.name, old.max_executing);
    end if;
    return null;
end
$$;
create trigger watch after insert or update or delete on gendurable.concurrency_limits
    for each row execute function stress.watch_limit();

-- At the end of the claiming transaction, which still holds the lock of the key's name, so that what others have
-- committed is counted. A claim may have been judged by a limit that was replaced after its pick began, or whose
-- replacement was not yet committed then.
create function stress.watch_claim() returns trigger language plpgsql as $$
declare
    v_most  int;
    v_count int;
begin
    select greatest(coalesce((select l.max_executing from gendurable.concurrency_limits as l
                              where l.name = split_part(new.concurrency_key, ':', 1)), 1),
                    (select max(l.max_executing) from stress.limits as l
                     where l.name = split_part(new.concurrency_key, ':', 1) and l.at > now() - interval '500 ms'))
    into v_most;
    select count(*) into v_count from gendurable.instances as i
        where i.concurrency_key = new.concurrency_key and i.phase = 'executing';
    if v_count > v_most then
        insert into stress.violations (invariant, id, detail)
        values ('more execute than the limit allows', new.id,
            format('%s: %s of %s', new.concurrency_key, v_count, v_most));
    end if;
    return null;
end
$$;
create constraint trigger watch_claim after update on gendurable.instances deferrable initially deferred for each row
    when (new.phase = 'executing' and old.phase <> 'executing'
        and new.concurrency_key is not null) execute function stress.watch_claim();

-- The same of queues, exactly: whatever sets a limit waits for the picks in flight.
create function stress.watch_place() returns trigger language plpgsql as $$
declare
    v_most  int := (select q.max_executing from gendurable.queues as q where q.name = new.queue);
    v_count int;
begin
    if v_most is not null then
        select count(*) into v_count from gendurable.instances as i where i.queue = new.queue and i.phase = 'executing';
        if v_count > v_most then
            insert into stress.violations (invariant, id, detail)
            values ('more execute than the queue has places', new.id,
                format('%s: %s of %s', new.queue, v_count, v_most));
        end if;
    end if;
    return null;
end
$$;
create constraint trigger watch_place after update on gendurable.instances deferrable initially deferred for each row
    when (new.phase = 'executing' and old.phase <> 'executing') execute function stress.watch_place();

create function stress.watch_finished() returns trigger language plpgsql as $$
begin
    if tg_op = 'INSERT' then
        insert into stress.log (id, event, fence) values (new.id, 'archived', new.fence);
    else
        insert into stress.log (id, event, fence) values (old.id, 'forgotten', old.fence);
    end if;
    return null;
end
$$;
create trigger watch after insert or delete on gendurable.finished
    for each row execute function stress.watch_finished();
create trigger watch after insert or delete on gendurable.kept for each row execute function stress.watch_finished();

create function stress.watch_barrier() returns trigger language plpgsql as $$
begin
    insert into stress.races (parent_id, round, kind) values (new.parent_id, new.round, new.kind)
        on conflict do nothing;
    return null;
end
$$;
create trigger watch after insert on gendurable.countdowns
    for each row when (new.kind <> 'all') execute function stress.watch_barrier();

create function stress.watch_signal() returns trigger language plpgsql as $$
begin
    insert into stress.consumed (id, name) values (old.instance_id, old.name);
    return null;
end
$$;
create trigger watch after delete on gendurable.signals for each row execute function stress.watch_signal();
create trigger watch_presented after update on gendurable.signals
    for each row when (old.presented is not null and new.presented is null) execute function stress.watch_signal();

create function stress.watch_bucket() returns trigger language plpgsql as $$
begin
    -- An older version goes when a newer one comes.
    if tg_op = 'DELETE' and exists (select from gendurable.buckets as b where b.key = old.key) then
        return null;
    end if;
    insert into stress.ledger (event, key, tokens, refilled_at, allowed, period, burst)
    select case tg_op when 'DELETE' then 'swept' else 'tokens' end, b.key, b.tokens, b.refilled_at, l.allowed, l.period,
        l.burst
    from (select case tg_op when 'DELETE' then old.key else new.key end as key,
                 case tg_op when 'DELETE' then old.tokens else new.tokens end as tokens,
                 case tg_op when 'DELETE' then old.refilled_at else new.refilled_at end as refilled_at) as b
    left join gendurable.rate_limits as l on l.name = split_part(b.key, ':', 1);
    return null;
end
$$;
create trigger watch after insert or update or delete on gendurable.buckets
    for each row execute function stress.watch_bucket();

create function stress.watch_policy() returns trigger language plpgsql as $$
begin
    insert into stress.ledger (event, key) values ('dropped', old.name);
    return null;
end
$$;
create trigger watch after delete on gendurable.rate_limits for each row execute function stress.watch_policy();

-- What has to be true of every snapshot. One statement, so one snapshot.
-- What a pick would find first in a queue, by one look, and what there is: whatever leads a pick to the ready instances
-- (trails) must lose none and change no order. Both in one snapshot.
create function stress.found(p_queue text) returns tid[] language sql stable as $$
    select n.rows from gendurable._nearest(gendurable._heads(gendurable._places(array(select k.id
        from gendurable.kinds as k where k.queue = p_queue))), 20) as n
$$;
create function stress.ready(p_queue text, p_most int) returns tid[] language sql stable as $$
    select array(select i.ctid from gendurable.instances as i where i.phase = 'ready' and i.queue = p_queue
        order by i.priority, i.eligible_at, i.id limit p_most)
$$;
-- The same for a worker that declares what it can run.
create function stress.found(p_queue text, p_worker bigint) returns tid[] language sql stable as $$
    select n.rows from gendurable._nearest(gendurable._heads(gendurable._places(array(select k.id
        from gendurable._kinds(p_worker, p_queue) as k (id)))), 20) as n
$$;
create function stress.ready(p_queue text, p_worker bigint, p_most int) returns tid[] language sql stable as $$
    select array(select i.ctid from gendurable.instances as i
                 where i.phase = 'ready' and i.queue = p_queue
                   and exists (select from gendurable.workers as w cross
                       join jsonb_to_recordset(w.info -> 'machines') as m (fsm text, version int, steps jsonb)
                               where w.id = p_worker and m.fsm = i.fsm and m.version = i.fsm_version
                                   and coalesce(m.steps ? i.step, true))
                 order by i.priority, i.eligible_at, i.id limit p_most)
$$;

create function stress.look() returns table (invariant text, id bigint, detail text) language sql stable as $$
    select 'live and finished at once', i.id, null from gendurable.instances as i join gendurable.archive as f
        on f.id = i.id
    union all
    select 'ready, where no pick looks', i.id,
        format('%s, trail %s', to_jsonb(i),
            (select to_jsonb(t) from gendurable.trails as t where t.kind = i.lane >> 40 order by t.seq desc limit 1))
    from gendurable.instances as i
    where i.phase = 'ready'
      and i.id not in (
          select x.id
          from unnest(gendurable._places(array(select k.id from gendurable.kinds as k))) as p
          join gendurable.instances as x on x.lane = p.lane and (x.priority, x.eligible_at, x.id) >= (p.priority, p.at,
              p.id)
          where x.phase = 'ready'
            and case when p.until_at is not null then x.priority = p.priority and x.eligible_at < p.until_at
                     when p.until_id is not null then x.priority = p.priority and x.eligible_at = p.at
                         and x.id < p.until_id
                     else x.priority < coalesce(p.until_priority::bigint, 2147483648) end)
    union all
    select 'ready, as of another kind', i.id, to_jsonb(i)::text
    from gendurable.instances as i left join gendurable.kinds as k on k.id = i.lane >> 40
    where i.phase = 'ready' and (k.queue, k.fsm, k.fsm_version, k.step) is distinct
        from (i.queue, i.fsm, i.fsm_version, i.step)
    union all
    select 'a pick finds others than the most urgent', null, q.queue
    from (select k.queue, stress.found(k.queue) as found
        from (select distinct x.queue from gendurable.kinds as x) as k offset 0) as q
    where not (stress.ready(q.queue, cardinality(q.found)) <@ q.found)
       or q.found = '{}' and stress.ready(q.queue, 1) <> '{}'
    union all
    select 'a pick finds others than the most urgent that its worker can run', q.id, q.queue
    from (select w.id, u.queue, stress.found(u.queue, w.id) as found
          from (select x.* from gendurable.workers as x where x.declares order by random() limit 2) as w cross
              join unnest(w.queues) as u (queue) offset 0) as q
    where not (stress.ready(q.queue, q.id, cardinality(q.found)) <@ q.found)
       or q.found = '{}' and stress.ready(q.queue, q.id, 1) <> '{}'
    union all
    select 'more execute than the queue ever had places', min(i.id), format('%s: %s', i.queue, count(*))
    from gendurable.instances as i where i.phase = 'executing' and i.queue = 'narrow' group by i.queue
        having count(*) > 3
    union all
    select 'it executes, and its queue does not count it', i.id, i.queue
    from gendurable.queues as q
    cross join lateral (select x.* from gendurable.holders as x where x.queue = q.name order by x.seq desc limit 1) as h
    join gendurable.instances as i on i.queue = q.name and i.phase = 'executing'
    where q.max_executing is not null and h.limit_id = q.limit_id and i.id <> all (h.ids)
    union all
    select 'a schedule that is not fired', null, o.schedule
    from gendurable.occurrences as o
    where o.schedule is not null and o.due_at < now() - interval '60 s'
        and not exists (select from gendurable.queues as q where q.name = o.queue and q.paused)
    union all
    select 'the progress of another claim', r.instance_id, r.progress::text
    from gendurable.reports as r
        where (r.progress ->> 'id')::bigint <> r.instance_id or (r.progress ->> 'fence')::bigint <> r.fence
    union all
    select 'finished twice', f.id, null from gendurable.archive as f group by f.id having count(*) > 1
    union all
    select 'more execute than any limit ever allowed', min(i.id), format('%s: %s', i.concurrency_key, count(*))
    from gendurable.instances as i where i.phase = 'executing' and i.concurrency_key is not null
    group by i.concurrency_key
    having count(*) > case when i.concurrency_key like 'pool%' then 4 else 1 end
    union all
    select 'a signal outside its target''s inbox', s.instance_id, s.name
    from gendurable.signals as s join gendurable.instances as i on i.id = s.instance_id
    where s.inbox <> gendurable._inbox_key(i.id, i.inbox)
    union all
    select 'a signal without a target', s.instance_id, s.name from gendurable.signals as s
    where not exists (select from gendurable.instances as i where i.id = s.instance_id)
    union all
    select 'a deduplication key without a target', d.instance_id, d.dedup_key from gendurable.dedup_keys as d
    where not exists (select from gendurable.instances as i where i.id = d.instance_id)
    union all
    select 'a correlation key out of its scope', k.instance_id, k.key from gendurable.correlation_keys as k
    where not exists (select from gendurable.instances as i
                      where i.id = k.instance_id and i.correlation_key = k.key
                        and (i.correlation_scope is null or gendurable._status(i.phase) = any (i.correlation_scope)))
      and not exists (select from gendurable.archive as f
                      where f.id = k.instance_id and f.correlation_key = k.key
                        and case when f.failed then 'failed' else 'done' end = any (f.correlation_scope))
    union all
    select 'a live instance without its correlation key', i.id, i.correlation_key from gendurable.instances as i
    where i.correlation_key is not null and i.correlation_scope is null
      and not exists (select from gendurable.correlation_keys as k
          where k.key = i.correlation_key and k.instance_id = i.id)
    union all
    select 'asleep on a signal that it was not handed', i.id, i.awaits::text from gendurable.instances as i
    where i.phase = 'awaiting_signal'
      and exists (select from gendurable.signals as s
          where s.instance_id = i.id and s.name = any (i.awaits) and s.presented is null)
    union all
    select 'a barrier that is not the number of its children', p.id, format('pending %s, live %s', b.pending, c.live)
    from gendurable.instances as p
    cross join lateral (select count(*) as live from gendurable.instances as i
                        where i.parent_id = p.id and i.parent_round = p.round and not i.counted) as c
    cross join lateral (select array_agg(d.pending) as pending from gendurable.countdowns as d
        where d.parent_id = p.id and d.round = p.round) as b
    where p.phase = 'awaiting_children' and b.pending is distinct from array[c.live::int]
    union all
    select 'a child lives behind its round, and no dismissal is noted', c.id,
        format('round %s of %s', c.parent_round, c.parent_id)
    from gendurable.instances as c join stress.races as r on r.parent_id = c.parent_id and r.round = c.parent_round
    where not c.counted
      and r.joined
      and not exists (select from gendurable.dismissals as d
          where d.parent_id = c.parent_id and d.round = c.parent_round)
    union all
    select 'a barrier without a parent that waits', d.parent_id, d::text from gendurable.countdowns as d
    where not exists (select from gendurable.instances as p
        where p.id = d.parent_id and p.round = d.round and p.phase = 'awaiting_children')
    union all
    select 'held, a slot is free, and no doorbell rings', min(h.id), h.concurrency_key
    from gendurable.instances as h
    left join gendurable.concurrency_limits as l on l.name = split_part(h.concurrency_key, ':', 1)
    where h.phase = 'held' and not exists (select from gendurable.doorbells as r
        where r.kind = 'slot' and r.key = h.concurrency_key or r.kind = 'concurrency_limit' and r.key in ('',
            split_part(h.concurrency_key, ':', 1)))
    group by h.concurrency_key, l.max_executing
    having (select count(*) from gendurable.instances as i
        where i.concurrency_key = h.concurrency_key and i.phase in ('ready', 'executing'))
           < coalesce(l.max_executing, 1)
    union all
    select 'throttled, and no pick will look', min(t.id), t.rate_limit
    from gendurable.instances as t
    join gendurable.rate_limits as l on l.name = split_part(t.rate_limit, ':', 1)
    where t.phase = 'throttled' and not exists (select from gendurable.doorbells as r
        where r.kind = 'tokens' and r.key = t.rate_limit or r.kind = 'rate_limit' and r.key in ('',
            split_part(t.rate_limit, ':', 1)))
      and not exists (select from gendurable.buckets as b where b.key = t.rate_limit and b.due_at is not null)
      -- Of a kind that no worker could start then, one has its offer: when it starts, the others are looked at.
      and not exists (select from gendurable.instances as r
          where r.rate_limit = t.rate_limit and r.phase = 'ready' and r.lane >> 40 = t.lane >> 40)
    group by t.rate_limit
$$;

-- What happened to instances against what the history was told of it, each event with the fence before it and by the
-- same transaction. Of the machine Told everything is noted; of the others what is noted has to have happened.
create function stress.untold() returns table (id bigint, what text, happened bigint, noted bigint)
    language sql stable as $$
    with happened as (
        select l.id, l.xid,
               case when l.event = 'gone' then 'end' when l.event = 'born' then 'revived'
                   when l.phase_from = 'awaiting_signal' then 'woken'
                    when l.fence > l.left_fence then 'outcome' when l.attempt > l.left_attempt then 'reaped'
                        else 'released' end as what,
               coalesce(l.left_fence, l.fence) as fence
        from stress.log as l
        where l.event = 'gone' or l.event = 'born' and l.fence > 0 or l.event = 'moved'
            and l.phase_from in ('executing', 'awaiting_signal')
    ), noted as (
        select t.id, t.xid,
               case when t.event in ('done', 'stop', 'cancelled') then 'end' when t.event in ('reaped', 'revived')
                   then t.event
                    when t.event = 'expired' then 'woken' else 'outcome' end as what, t.fence
        from stress.told as t
    ), told as (
        select distinct l.id from stress.log as l where l.event = 'born' and l.fsm = 'Told'
    )
    select b.id, b.what, b.happened, b.noted
    from (select coalesce(h.id, n.id) as id, coalesce(h.what, n.what) as what, coalesce(h.times, 0) as happened,
        coalesce(n.times, 0) as noted
          from (select x.id, x.xid, x.what, x.fence, count(*) as times from happened as x group by 1, 2, 3, 4) as h
          full join (select x.id, x.xid, x.what, x.fence, count(*) as times from noted as x group by 1, 2, 3, 4) as n
              on (n.id, n.xid, n.what, n.fence) = (h.id, h.xid, h.what, h.fence)) as b
    where b.noted > b.happened
       or b.noted < b.happened and b.what not in ('woken', 'released') and b.id in (select t.id from told as t)
$$;

-- The books, at the end: nothing lost, nothing doubled, no token drawn that was not there, no join but once a round.
create function stress.account() returns table (invariant text, id bigint, detail text) language sql stable as $$
    with book as (
        select l.id,
               count(*) filter (where l.event = 'born') - count(*) filter (where l.event = 'gone') as live,
               count(*) filter (where l.event = 'archived') - count(*) filter (where l.event = 'forgotten') as finished,
               (array_agg(l.event order by l.seq desc) filter (where l.event <> 'moved'))[1] as last
        from stress.log as l
        group by l.id
    ), place as (
        select b.*, exists (select from gendurable.instances as i where i.id = b.id) as is_live,
               exists (select from gendurable.archive as f where f.id = b.id) as is_finished
        from book as b
    )
    select 'lost or doubled', p.id, format('live %s, finished %s, last %s', p.live, p.finished, p.last) from place as p
    where (p.live, p.finished) not in ((1, 0), (0, 1), (0, 0)) or (p.live, p.finished) = (0, 0)
        and p.last <> 'forgotten'
       or p.is_live <> (p.live = 1) or p.is_finished <> (p.finished = 1)
    union all
    select 'ended without being archived', g.id, null from stress.log as g
    where g.event = 'gone' and not exists (select from stress.log as a
        where a.id = g.id and a.xid = g.xid and a.event = 'archived')
    union all
    select 'a signal consumed by a step that did not move on', c.id, c.name from stress.consumed as c
    where not exists (select from stress.log as l where l.id = c.id and l.xid = c.xid and l.event in ('moved', 'gone'))
    union all
    select 'joined twice in a round', l.id, format('round %s: %s times', l.own_round, count(*)) from stress.log as l
    where l.event = 'moved' and l.phase_from = 'awaiting_children' and l.phase_to <> 'awaiting_children'
    -- A revived parent whose old children are forgotten counts its rounds anew.
    group by l.id, l.own_round,
        (select count(*) from stress.log as b where b.id = l.id and b.event = 'born' and b.seq < l.seq)
        having count(*) > 1
    union all
    select 'the history does not say what happened', t.id,
        format('%s: happened %s, noted %s', t.what, t.happened, t.noted) from stress.untold() as t
    union all
    select 'an event of a machine without history', t.id, t.event from stress.told as t join stress.log as l
        on l.id = t.id and l.event = 'born' where l.fsm = 'Mute'
    union all
    select 'an event before its step began', t.id, to_jsonb(t)::text from stress.told as t where t.at < t.started_at
    union all
    select 'gd_history answers others than were noted', x.id, format('%s of %s', x.answered, x.noted)
    from (select f.id, (select count(*) from gd_history(f.id)) as answered,
        (select count(*) from stress.told as t where t.id = f.id) as noted
          from (select a.id from gendurable.archive as a order by a.id desc limit 500) as f) as x
    where x.answered <> x.noted
    union all
    select 'an occurrence is missing', null,
        format('%s: %s occurrences from %s to %s', f.schedule, count(*), min(f.at), max(f.at))
    from stress.fired as f where f.schedule = 'steady'
    group by f.schedule having count(*) <> extract(epoch from max(f.at) - min(f.at)) + 1
    union all
    (
        -- A pick draws in up to five rounds; each draw belongs to the last entry before it in its transaction.
        with entries as (
            select x.key, x.xid, x.seq, x.at, x.event, x.tokens, x.refilled_at, x.allowed,
                extract(epoch from x.period)::float8 as period, x.burst,
                   lag(x.event) over w as before_event, lag(x.tokens) over w as before,
                   lag(x.refilled_at) over w as before_at,
                   lead(x.seq) over (partition by x.key, x.xid order by x.seq) as until
            from stress.ledger as x where x.event <> 'dropped'
            window w as (partition by x.key order by x.seq)
        ), draws as (
            select l.seq, l.xid, l.rate as key, coalesce(l.weight, 1) as weight from stress.log as l
            where l.event = 'moved' and l.phase_from in ('ready', 'throttled') and l.phase_to = 'executing'
                and l.rate is not null
        ), booked as (
            select e.seq, sum(d.weight) as drawn
            from entries as e join draws as d
                on d.xid = e.xid and d.key = e.key and d.seq > e.seq and (e.until is null or d.seq < e.until)
            group by e.seq
        ), steps as (
            select e.*, coalesce(b.drawn, 0) as drawn from entries as e left join booked as b on b.seq = e.seq
        ), judged as (
            select s.*, case when s.before_event is distinct from 'tokens' then s.burst
                             else least(s.burst, s.before + greatest(extract(epoch from s.refilled_at - s.before_at),
                                 0)::float8
                                                            * s.allowed / s.period) end as most
            from steps as s
        )
        select 'tokens overdrawn', null::bigint,
            format('%s: %s before, refilled to %s, drawn %s, left %s', j.key, j.before, j.most, j.drawn, j.tokens)
        from judged as j
        where j.event = 'tokens' and (j.tokens < -1e-6 or j.tokens > j.most - j.drawn + 1e-6 * (1 + j.burst))
        union all
        select 'a bucket forgotten before it was full', null, format('%s: %s of %s', j.key, j.tokens, j.burst)
        from judged as j
        where j.event = 'swept'
          and j.tokens + greatest(extract(epoch from j.at - j.refilled_at),
              0)::float8 * j.allowed / j.period < j.burst - 1e-6 * (1 + j.burst)
          and not exists (select from stress.ledger as x
              where x.xid = j.xid and x.event = 'dropped' and x.key = split_part(j.key, ':', 1))
        union all
        select 'started without drawing', null, format('%s: %s', d.key, d.weight) from draws as d
        where not exists (select from entries as e where e.xid = d.xid and e.key = d.key and e.seq < d.seq)
    )
$$;
