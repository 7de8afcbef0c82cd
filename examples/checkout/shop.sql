-- A small shop beside the engine. It has its own tables and its own rules; the engine sees to it that each order's
-- steps happen.
--
-- The two meet in two triggers: an order is enqueued in the transaction that inserts it, and a payment is signalled in
-- the transaction that records it. Neither can exist without the other, whatever crashes.
--
-- Steps run at least once, so every function that a step calls may be called again: the first call decides and takes
-- effect, later ones only answer what was decided. Each locks the order first, then the stock.
--
-- Safe to run again; workers that start at the same moment wait for one another here.

select pg_advisory_xact_lock(hashtextextended('gendurable example: checkout', 0));

do $$
begin
    if to_regnamespace('shop') is not null
       and obj_description(to_regnamespace('shop'), 'pg_namespace') is distinct from 'gendurable example: checkout' then
        raise exception using errcode = 'object_not_in_prerequisite_state',
            message = 'the schema shop in this database belongs to another application',
            detail = 'It has another comment than the schema of this example.',
            hint = 'Use another database for the example.';
    end if;
end
$$;

create schema if not exists shop;
comment on schema shop is 'gendurable example: checkout';

-- How the shop enqueues its orders.
create table if not exists shop.settings (
    queue      text     not null default 'default',
    pay_within interval not null default '1 hour'
);
create unique index if not exists settings_one_row on shop.settings ((true));
insert into shop.settings default values on conflict do nothing;

create table if not exists shop.stock (
    sku       text primary key,
    delivered int not null,
    on_hand   int not null check (on_hand >= 0),
    reserved  int not null default 0 check (reserved between 0 and on_hand)
);

create table if not exists shop.orders (
    order_id  text primary key,
    sku       text not null,
    quantity  int  not null check (quantity > 0),
    amount    int  not null default 0,
    status    text not null default 'open' check (status in ('open', 'shipped', 'cancelled', 'expired', 'sold_out')),
    reserved  boolean not null default false,
    placed_at timestamptz not null default now()
);

-- What the payment provider reports, one row a report. Providers repeat themselves, are late, and err.
create table if not exists shop.payments (
    report      bigint generated always as identity primary key,
    payment_id  text not null,
    order_id    text not null,
    amount      int  not null,
    answer      text,  -- of gd_signal: delivered, duplicate or no_target
    reported_at timestamptz not null default now()
);
create index if not exists payments_payment on shop.payments (payment_id);
create index if not exists payments_order on shop.payments (order_id);

create table if not exists shop.refunds (
    payment_id text primary key,
    order_id   text not null,
    amount     int  not null,
    reason     text not null
);

create table if not exists shop.shipments (
    order_id   text primary key references shop.orders,
    payment_id text,
    asked      int not null default 1,  -- how often a step asked for it; it was sent once
    shipped_at timestamptz not null default now()
);

-- Orders go to the engine in the transaction that inserts them, one call for a whole batch.
create or replace function shop.enqueue_orders() returns trigger
language plpgsql as $$
begin
    perform public.gd_enqueue_many(jsonb_agg(jsonb_build_object(
        'fsm', 'Checkout', 'correlation_key', 'order:' || o.order_id, 'queue', s.queue,
        'state', jsonb_build_object('sku', o.sku, 'quantity', o.quantity, 'pay_within',
            extract(epoch from s.pay_within)))))
    from placed as o cross join shop.settings as s
    having count(*) > 0;
    return null;
end
$$;
create or replace trigger enqueue_orders after insert on shop.orders
    referencing new table as placed for each statement execute function shop.enqueue_orders();

-- A payment tells the order's instance. Where no instance waits for it any more, or none ever did, the money goes back.
--
-- The order's lock decides the race with shop.close: a payment is either recorded before the order closes, and then
-- close refunds it if it was not used, or it finds the order closed.
create or replace function shop.signal_payment() returns trigger
language plpgsql as $$
declare
    v_status text;
begin
    select o.status into v_status from shop.orders as o where o.order_id = new.order_id for no key update;

    new.answer := public.gd_signal('order:' || new.order_id, 'payment_confirmed',
                                   jsonb_build_object('payment_id', new.payment_id, 'amount', new.amount),
                                   dedup_key => new.payment_id);

    if (new.answer = 'no_target' or v_status <> 'open')
       and not exists (select from shop.payments as p where p.payment_id = new.payment_id) then
        insert into shop.refunds (payment_id, order_id, amount, reason)
        values (new.payment_id, new.order_id, new.amount, coalesce('order ' || v_status, 'no such order'))
        on conflict do nothing;
    end if;
    return new;
end
$$;
create or replace trigger signal_payment before insert on shop.payments
    for each row execute function shop.signal_payment();

-- The functions that the steps call.

-- Sets the goods aside for an order. False: there are not enough, and the order is closed.
create or replace function shop.reserve(p_order_id text, p_sku text, p_quantity int) returns boolean
language plpgsql as $$
declare
    v_reserved boolean;
begin
    -- An order that was typed straight into the engine gets its row here. (The trigger enqueues it again: a duplicate.)
    insert into shop.orders (order_id, sku, quantity) values (p_order_id, p_sku, p_quantity) on conflict do nothing;
    select o.reserved into v_reserved from shop.orders as o where o.order_id = p_order_id for no key update;
    if v_reserved then
        return true;
    end if;
    -- It is a generous warehouse: of everything that is ordered there were a thousand.
    insert into shop.stock (sku, delivered, on_hand) values (p_sku, 1000, 1000) on conflict do nothing;
    update shop.stock as s set reserved = s.reserved + p_quantity
        where s.sku = p_sku and s.on_hand - s.reserved >= p_quantity;
    v_reserved := found;
    if v_reserved then
        update shop.orders as o set reserved = true where o.order_id = p_order_id;
    else
        perform shop.close(p_order_id, 'sold_out');
    end if;
    return v_reserved;
end
$$;

-- Ends an order, once: the first call decides, and every call answers what was decided. The second execution of a step
-- may know more than the first one did (a payment that has come in since), so it must not be the one to decide.
create or replace function shop.close(p_order_id text, p_status text, p_payment_id text default null) returns text
language plpgsql as $$
declare
    v_order shop.orders;
begin
    select o.* into v_order from shop.orders as o where o.order_id = p_order_id for no key update;
    if not found then
        return 'unknown';  -- it was in a shop that is no more
    end if;
    if v_order.status <> 'open' then
        return v_order.status;
    end if;
    update shop.orders as o set status = p_status, reserved = false where o.order_id = p_order_id;
    if v_order.reserved then
        update shop.stock as s
        set reserved = s.reserved - v_order.quantity,
            on_hand = s.on_hand - case when p_status = 'shipped' then v_order.quantity else 0 end
        where s.sku = v_order.sku;
    end if;
    -- Money that came in and was not used goes back.
    insert into shop.refunds (payment_id, order_id, amount, reason)
    select distinct on (p.payment_id) p.payment_id, p.order_id, p.amount, 'order ' || p_status
    from shop.payments as p
    where p.order_id = p_order_id and p.payment_id is distinct from p_payment_id
    order by p.payment_id, p.report
    on conflict do nothing;
    return p_status;
end
$$;

-- Sends the parcel, once. Anything but 'shipped': the order had been closed otherwise, and nothing is sent.
create or replace function shop.ship(p_order_id text, p_payment_id text default null) returns text
language plpgsql as $$
declare
    v_status text := shop.close(p_order_id, 'shipped', p_payment_id);
begin
    if v_status = 'shipped' then
        insert into shop.shipments (order_id, payment_id) values (p_order_id, p_payment_id)
        on conflict (order_id) do update set asked = shipments.asked + 1;
    end if;
    return v_status;
end
$$;
