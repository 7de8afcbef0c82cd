-- What the tools of examples/agent/agent.py read and write.
create table orders (
    id       text   primary key,
    customer text   not null,
    amount   bigint not null
);
create table refunds (
    order_id text        not null references orders,
    amount   bigint      not null check (amount > 0),
    at       timestamptz not null default now()
);
insert into orders values ('A-1', 'Ada', 1990), ('B-2', 'Ben', 500);
